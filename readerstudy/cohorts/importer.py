"""Import a cohort into a draft study: all of it, or nothing.

Images are staged beside their final place while the source is read, then moved there and
committed with the rows. A refusal or a failure leaves neither a row nor a file.
"""

import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from readerstudy.audit.log import record
from readerstudy.cohorts.ingest import (
    MANIFEST_NAME,
    DecodedCase,
    ImportRefused,
    Problem,
    open_source,
    validate,
)
from readerstudy.cohorts.ingest.manifest import ManifestRow
from readerstudy.cohorts.ingest.reader import iter_cases
from readerstudy.cohorts.models import Case, Cohort, Image, ReferenceStandard, Study
from readerstudy.cohorts.review.importing import StagedFindings, stage_findings, store_findings
from readerstudy.diagnosis import Modality


def import_cohort(
    *, cohort: Cohort, source: Path, by: str = "", reviewed_by: str = "", progress=iter
) -> int:
    """Import a folder or ZIP with its manifest; the number of cases.

    Its images wait for a person's approval. Only those of a synthetic study can come with it:
    ``reviewed_by`` names who drew them. ``progress`` wraps the list of manifest rows, as tqdm does.
    Raises ImportRefused with every problem found.
    """
    if reviewed_by and not cohort.study.is_synthetic:
        raise ValueError("only images that were drawn for a synthetic study come approved")
    with _placed_files() as files:
        with open_source(source) as opened:
            rows = validate(opened)
            _refuse_unfit(cohort, rows)
            staged = [_stage(case, files) for case in iter_cases(opened, progress(rows))]
        # Decoding is slow and done; the database is held for the rows alone.
        with transaction.atomic():
            study = Study.objects.select_for_update().get(pk=cohort.study_id)
            _refuse_unfit(cohort, rows)
            for case in staged:
                _store(cohort, case, reviewed_by=reviewed_by)
            files.place()
            record(
                "cohort.import",
                actor=by,
                study=study.slug,
                target=cohort.name,
                detail={"cases": len(staged)},
            )
    return len(staged)


def _refuse_unfit(cohort: Cohort, rows: list[ManifestRow]) -> None:
    """Raise ImportRefused for a study that is no draft, or cases that the cohort has already."""
    state = Study.objects.values_list("state", flat=True).get(pk=cohort.study_id)
    if state != Study.State.DRAFT:
        raise ImportRefused([Problem(f"the study is {state}; only a draft takes cases")])
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


@dataclass(frozen=True)
class _StagedImage:
    """What an Image row says; the file waits under its name in the staging folder."""

    modality: Modality
    file: str
    sha256: str
    width: int
    height: int
    mm_per_pixel: float | None


_Staged = tuple[ManifestRow, list[_StagedImage], list[StagedFindings]]


def _stage(decoded: DecodedCase, files: "_Files") -> _Staged:
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
        stage_findings(found, files.stage)
        for found in (decoded.bus_findings, decoded.cdfi_findings)
    ]
    return decoded.row, images, findings


def _store(cohort: Cohort, staged: _Staged, *, reviewed_by: str) -> None:
    row, images, findings = staged
    case = Case.objects.create(
        cohort=cohort,
        case_id=row.case_id,
        sex=row.sex,
        age=row.age,
        diameter_mm=row.diameter_mm,
        location=row.location,
        neck_level=row.neck_level,
        instrument=row.instrument,
    )
    ReferenceStandard.objects.create(
        case=case,
        malignancy=row.etiology.malignancy,
        etiology=row.etiology,
        pathologic_method=row.pathologic_method,
    )
    stored = Image.objects.bulk_create(Image(case=case, **asdict(image)) for image in images)
    store_findings(stored, findings, reviewed_by=reviewed_by)


class _Files:
    """PNG files staged under random names, then moved to where the rows say they are."""

    def __init__(self, staging: Path):
        self._staging = staging
        self._names: list[str] = []

    def stage(self, png: bytes) -> str:
        """Write a file aside; the name under the media root that it will have."""
        name = f"images/{secrets.token_hex(16)}.png"
        (self._staging / Path(name).name).write_bytes(png)
        self._names.append(name)
        return name

    def place(self) -> None:
        """Move all to their places."""
        for name in self._names:
            final = settings.MEDIA_ROOT / name
            final.parent.mkdir(parents=True, exist_ok=True)
            (self._staging / final.name).replace(final)

    def remove(self) -> None:
        """Take back what was placed."""
        for name in self._names:
            (settings.MEDIA_ROOT / name).unlink(missing_ok=True)


@contextmanager
def _placed_files() -> Iterator[_Files]:
    """Files that stay if the block ends well, commit included, and are gone if it does not."""
    Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix="importing-", dir=settings.MEDIA_ROOT))
    files = _Files(staging)
    try:
        yield files
    except BaseException:
        files.remove()
        raise
    finally:
        shutil.rmtree(staging)
