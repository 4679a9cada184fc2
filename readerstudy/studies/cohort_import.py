"""Import a cohort into a draft study: all of it, or nothing.

Images are staged beside their final place while the source is read, then moved there and
committed with the rows. A refusal or a failure leaves neither a row nor a file.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from django.db import transaction

from readerstudy.audit.log import record
from readerstudy.diagnosis import Modality
from readerstudy.imaging import MANIFEST_NAME, ImportRefused, Problem, Source, open_source
from readerstudy.studies.file_staging import StagedFiles, staged_files
from readerstudy.studies.models import Case, Cohort, Image, ReferenceStandard, Study
from readerstudy.studies.read_cohort import DecodedCase, iter_cases, validate_manifest
from readerstudy.studies.read_manifest import ManifestRow
from readerstudy.studies.review.similar_images import record_similar
from readerstudy.studies.review.staged_findings import (
    StagedFindings,
    stage_findings,
    store_findings,
)
from readerstudy.studies.review.unusual_sizes import record_unusual_sizes

BATCH = 500  # rows of a table in one statement


def import_cohort(
    *, cohort: Cohort, source: Path, by: str = "", reviewed_by: str = "", progress=iter
) -> int:
    """Import a folder or ZIP with its manifest; the number of cases.

    Its images wait for a person's approval. Only those of a synthetic study can come with it:
    ``reviewed_by`` names who drew them. ``progress`` wraps the list of manifest rows, as tqdm does.
    Raises ImportRefused with every problem found.
    """
    with open_source(source) as opened:
        return import_source(
            cohort=cohort, source=opened, by=by, reviewed_by=reviewed_by, progress=progress
        )


def import_source(
    *,
    cohort: Cohort,
    source: Source,
    by: str,
    reviewed_by: str = "",
    truth: bool = True,
    owner: str = "command",
    progress=iter,
    finish: Callable[[int], None] = lambda _cases: None,
) -> int:
    """Import a source that is open, with the truth of its cases or without; the number of cases.

    ``reviewed_by`` is as for `import_cohort`. ``owner`` names the staging folder. ``finish`` is
    called with the number of cases last of all in the transaction: what it raises undoes
    everything. Raises ImportRefused with every problem found.
    """
    if reviewed_by and not cohort.study.is_synthetic:
        raise ValueError("only images drawn for a synthetic study may be imported as approved")
    with staged_files(owner) as files:
        rows = validate_manifest(source, truth=truth)
        refuse_unfit(cohort, rows)
        staged = [_stage(case, files) for case in iter_cases(source, progress(rows))]
        # Decoding is slow and done; the database is held for the rows alone.
        with transaction.atomic():
            study = Study.objects.select_for_update().get(pk=cohort.study_id)
            refuse_unfit(cohort, rows)
            images = [
                image
                for at in range(0, len(staged), BATCH)
                for image in _store(cohort, staged[at : at + BATCH], reviewed_by=reviewed_by)
            ]
            record_unusual_sizes(cohort, images, answered_by=reviewed_by)
            record_similar(study, images, answered_by=reviewed_by)
            files.place()
            record(
                "cohort.import",
                actor=by,
                study=study.slug,
                target=cohort.name,
                detail={"cases": len(staged)},
            )
            finish(len(staged))
    return len(staged)


def refuse_unfit(cohort: Cohort, rows: list[ManifestRow]) -> None:
    """Raise ImportRefused for a study that is no draft, or cases that the cohort has already."""
    require_draft(cohort.study_id, "accepts cases")
    known = set(Case.objects.filter(cohort=cohort).values_list("case_id", flat=True))
    problems = [
        Problem(
            f"case {row.case_id} is already in this cohort; remove the row",
            file=MANIFEST_NAME,
            row=row.row,
            column="case_id",
        )
        for row in rows
        if row.case_id in known
    ]
    if problems:
        raise ImportRefused(problems)


def require_draft(study_id: int, takes: str) -> None:
    """Raise ImportRefused for a study that is no draft; ``takes`` is what only a draft does."""
    state = Study.objects.values_list("state", flat=True).get(pk=study_id)
    if state != Study.State.DRAFT:
        raise ImportRefused([Problem(f"the study is {state}; only a draft {takes}")])


@dataclass(frozen=True, slots=True)
class _StagedImage:
    """What an Image row says; the file waits under its name in the staging folder."""

    modality: Modality
    file: str
    sha256: str
    width: int
    height: int
    mm_per_pixel: float | None


_Staged = tuple[ManifestRow, list[_StagedImage], list[StagedFindings]]


def _stage(decoded: DecodedCase, files: StagedFiles) -> _Staged:
    """Put both images of a case aside, so that only their names stay in memory."""
    found = (
        (Modality.BUS, decoded.bus_png, decoded.bus_mm_per_pixel),
        (Modality.CDFI, decoded.cdfi_png, decoded.cdfi_mm_per_pixel),
    )
    images = []
    for modality, png, spacing in found:
        # The two sizes stand at fixed places in a PNG's first chunk.
        width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
        digest = hashlib.sha256(png).hexdigest()
        images.append(_StagedImage(modality, files.stage(png), digest, width, height, spacing))
    findings = [
        stage_findings(decoded.bus_findings, files.stage, thumbnail=decoded.bus_thumbnail),
        stage_findings(decoded.cdfi_findings, files.stage, thumbnail=decoded.cdfi_thumbnail),
    ]
    return decoded.row, images, findings


def _store(cohort: Cohort, staged: list[_Staged], *, reviewed_by: str) -> list[Image]:
    """One statement a table for the whole batch; the images."""
    cases = Case.objects.bulk_create(_case(cohort, row) for row, *_ in staged)
    ReferenceStandard.objects.bulk_create(
        ReferenceStandard(
            case=case,
            malignancy=row.etiology.malignancy,
            etiology=row.etiology,
            pathologic_method=row.pathologic_method,
        )
        for case, (row, *_) in zip(cases, staged, strict=True)
        if row.etiology is not None
    )
    images = Image.objects.bulk_create(_images(cases, staged))
    findings = [found for *_, of_case in staged for found in of_case]
    store_findings(images, findings, reviewed_by=reviewed_by)
    return images


def _case(cohort: Cohort, row: ManifestRow) -> Case:
    return Case(
        cohort=cohort,
        case_id=row.case_id,
        sex=row.sex,
        age=row.age,
        diameter_mm=row.diameter_mm,
        location=row.location,
        neck_level=row.neck_level,
        instrument=row.instrument,
    )


def _images(cases: list[Case], staged: list[_Staged]) -> Iterator[Image]:
    names = [field.name for field in fields(_StagedImage)]
    for case, (_row, images, _findings) in zip(cases, staged, strict=True):
        for image in images:
            yield Image(case=case, **{name: getattr(image, name) for name in names})
