"""What a study holds already, looked over again: its images, and their sources where they are kept.

Images were stored by whatever the software knew then. Of the stored pixels alone it can be seen
that one is empty, grey where colour belongs, or stands twice; that its colours or its shape are
false is seen from its source alone.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Modality
from readerstudy.imaging import ImportRefused, UnreadableImage, open_source
from readerstudy.imaging.deidentified_image import deidentify_image
from readerstudy.imaging.findings import OF_CONTENT, content_findings
from readerstudy.imaging.pixels import decode_rgb, encode_png
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.imports.source_storage import open_source_of
from readerstudy.studies.models import Cohort, Image, Study
from readerstudy.studies.read_manifest import read_manifest
from readerstudy.studies.review import similar_images
from readerstudy.studies.review.models import ImageFinding, ImageReview
from readerstudy.studies.review.staged_findings import fields_of
from readerstudy.studies.review.unusual_sizes import record_unusual_sizes

_CHANGES = ("image.crop", "image.choose_frame", "image.choose_colours")


@dataclass(frozen=True)
class Remark:
    """What was seen, in words, and whether somebody has to look at it."""

    text: str
    is_open: bool = True

    def __str__(self):
        return self.text


def check_stored(study: Study, *, progress: Callable = iter) -> Iterator[Remark]:
    """Look at every stored image; what is doubtful about each.

    In a draft the findings are stored, and an image with a new one to answer waits for its
    approval again.
    """
    is_draft = study.state == Study.State.DRAFT
    images = Image.objects.filter(case__cohort__study=study).select_related("case__cohort__study")
    for image in progress(list(images.order_by("pk"))):
        try:
            rgb = decode_rgb(Path(image.file.path).read_bytes())
        except (FileNotFoundError, UnreadableImage) as error:
            yield Remark(f"{image}: its file can't be read ({type(error).__name__})")
            continue
        known = {finding.kind for finding in image.findings.all()}
        for finding in content_findings(rgb, in_colour=image.modality == Modality.CDFI):
            if finding.kind in known:
                continue  # it is told below
            if is_draft:
                _wait_again(image, finding)
            else:
                yield Remark(f"{image}: {finding.text}")
    if is_draft:
        with transaction.atomic():
            _find_sizes(study)
            similar_images.record_similar(study, list(images))
    findings = ImageFinding.objects.filter(image__case__cohort__study=study)
    for found in findings.select_related("image__case__cohort__study"):
        if found.must_answer:
            yield _answered(f"{found.image}: {found.text}", found.answered_by)
    for pair in similar_images.pairs_of(study):
        same = "the same picture" if pair.is_same else "they look the same"
        yield _answered(f"{pair}: {same}", pair.answered_by)


def _answered(text: str, by: str) -> Remark:
    return Remark(f"{text} (answered by {by})", is_open=False) if by else Remark(text)


@transaction.atomic
def _wait_again(image: Image, finding) -> None:
    ImageFinding.objects.create(image=image, **fields_of(finding))
    _unapprove(image)


def _unapprove(image: Image) -> None:
    ImageReview.objects.filter(image=image, state=ImageReview.State.APPROVED).update(
        state=ImageReview.State.PENDING, sha256=""
    )


def _find_sizes(study: Study) -> None:
    for cohort in Cohort.objects.filter(study=study):
        images = Image.objects.filter(case__cohort=cohort).exclude(findings__kind="size")
        for finding in record_unusual_sizes(cohort, images):
            _unapprove(finding.image)


def check_sources(study: Study) -> Iterator[Remark]:
    """Decode anew what is left of the sources of a study's imports; what comes out otherwise."""
    jobs = ImportJob.objects.filter(study=study, state=ImportJob.State.DONE).order_by("pk")
    seen: set[int] = set()
    for job in jobs:
        if not job.kind_of.has_cases:
            continue
        try:
            with open_source_of(job) as source:
                yield from _compared(job.cohort, source, seen, truth=job.kind_of.has_truth)
        except (ImportRefused, OSError, ValueError) as error:
            if job.is_folder:
                reason = type(error).__name__
                yield Remark(f"{job}: its source can't be read any more ({reason})")
            else:
                yield Remark(f"{job}: it was uploaded, and uploads are not kept", is_open=False)
    yield from _unknown(study, seen)


def check_source(cohort: Cohort, path: Path) -> Iterator[Remark]:
    """The same of a folder or ZIP that is known to be a cohort's source. Raises ImportRefused."""
    seen: set[int] = set()
    with open_source(path) as source:
        yield from _compared(cohort, source, seen, truth=None)
    if not seen:
        yield Remark(f"No case of {cohort} is in {path}: it is another source")
    yield from _unknown(cohort.study, seen, cohort=cohort)


def _compared(cohort: Cohort, source, seen: set[int], *, truth: bool | None) -> Iterator[Remark]:
    rows, problems = read_manifest(source, truth=True if truth is None else truth)
    if problems and truth is None:
        rows, problems = read_manifest(source, truth=False)
    if problems:
        raise ImportRefused(problems)
    images = {
        (image.case.case_id, image.modality): image
        for image in Image.objects.filter(case__cohort=cohort).select_related("case__cohort__study")
    }
    for row in rows:
        for kind in Modality:
            if image := images.get((row.case_id, kind.value)):
                seen.add(image.pk)
                yield from _differences(image, source, row, kind.value)


def _differences(image: Image, source, row, kind: str) -> Iterator[Remark]:
    name, frame = getattr(row, f"{kind}_file"), getattr(row, f"{kind}_frame")
    try:
        data = source.read(name, source.limits.max_file_bytes)
        found = deidentify_image(
            data, frame=frame, in_colour=kind == Modality.CDFI, limits=source.limits
        )
    except (UnreadableImage, ImportRefused) as refusal:
        yield Remark(f"{image}: today its file is refused: {refusal}")
        return
    if hashlib.sha256(encode_png(found.rgb)).hexdigest() != _as_imported(image):
        yield Remark(f"{image}: today its file gives another picture")
    known = {finding.kind for finding in image.findings.all()}
    for doubt in found.findings.doubts:
        if doubt.kind not in {*OF_CONTENT, *known}:
            yield Remark(f"{image}: {doubt.text}", is_open=doubt.must_answer)


def _as_imported(image: Image) -> str:
    """The SHA-256 that an image had before a person changed it."""
    first = (
        AuditEvent.objects.filter(
            study=image.case.cohort.study.slug, target=str(image), action__in=_CHANGES
        )
        .order_by("pk")
        .first()
    )
    return first.detail["before"]["sha256"] if first else image.sha256


def _unknown(
    study: Study, seen: Iterable[int], *, cohort: Cohort | None = None
) -> Iterator[Remark]:
    images = Image.objects.filter(case__cohort__study=study).exclude(pk__in=list(seen))
    if cohort:
        images = images.filter(case__cohort=cohort)
    if count := images.count():
        yield Remark(
            f"{count} images have no source here any more: whether their colours and their shape "
            "are right can't be known",
            is_open=False,
        )
