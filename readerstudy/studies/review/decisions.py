"""Approve, crop, choose a frame, reject, remove: each by a named person, in a draft, audited."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, ProtectedError, QuerySet
from django.utils import timezone

from readerstudy.audit.log import record
from readerstudy.diagnosis import Modality
from readerstudy.imaging import Box, Limits
from readerstudy.studies.file_staging import StagedFiles, staged_in_transaction
from readerstudy.studies.models import (
    Case,
    Image,
    ReferenceStandard,
    Study,
    practice_cases,
    testing_cases,
)
from readerstudy.studies.review import similar_images
from readerstudy.studies.review.models import (
    CandidateFrame,
    ImageFinding,
    ImageReview,
    SimilarImages,
)
from readerstudy.studies.review.staged_findings import fields_of

if TYPE_CHECKING:
    import numpy as np

State = ImageReview.State
COLOURS = "colours"  # the kind of finding that is answered by a choice


class DecisionNotPossible(ValueError):
    """A decision is refused; the message says why."""


def unapproved_image_reasons(study: Study) -> list[str]:
    """Why no case of this study may be shown yet: images that nobody has approved."""
    approved = ImageReview.objects.filter(
        image=OuterRef("pk"), state=State.APPROVED, sha256=OuterRef("sha256")
    )
    reasons = []
    for kind, cases in (("testing", testing_cases(study)), ("practice", practice_cases(study))):
        images = Image.objects.filter(case__in=cases.values("pk")).filter(~Exists(approved))
        if count := images.count():
            reasons.append(
                f"{count} images of {kind} cases are not approved. Review them in the admin, "
                "under Cohorts, Review."
            )
    return reasons


def images_with_reviews(study: Study) -> QuerySet[Image]:
    """The images of a study with their reviews, in the order in which they are looked at."""
    return (
        Image.objects.filter(case__cohort__study=study)
        .select_related("review", "case__cohort__study")
        .order_by("case__cohort__name", "case__case_id", "modality")
    )


@transaction.atomic
def approve(
    seen: Mapping[int, str],
    *,
    study: Study,
    by: str,
    answered: Mapping[int, Collection[str]] | None = None,
) -> int:
    """Approve the images of a study, by id with the SHA-256 that was looked at; how many.

    ``answered`` has, by image, the kinds of findings of which the person says that it is right
    nevertheless. All or none. Raises DecisionNotPossible.
    """
    _require_draft(study)
    images = list(images_with_reviews(study).filter(pk__in=seen).prefetch_related("findings"))
    if len(images) != len(seen):
        raise DecisionNotPossible("One of these images no longer exists. Reload the page.")
    told: list[str] = []
    for image in images:
        review = _review_of(image)
        if image.sha256 != seen[image.pk]:
            raise DecisionNotPossible(f"{image} has changed since you viewed it. Review it again.")
        if review.needs_frame or review.needs_crop:
            what = "choose a frame" if review.needs_frame else "draw a box around the ultrasound"
            raise DecisionNotPossible(f"{image} can't be approved yet: {what} first.")
        told += _answer_findings(image, (answered or {}).get(image.pk, ()), by=by)
        _decide(review, State.APPROVED, by=by, sha256=image.sha256)
    detail = {"images": sorted(image.sha256 for image in images)}
    record("image.approve", actor=by, study=study.slug, detail=detail | _told(told))
    return len(images)


def _answer_findings(image: Image, kinds: Collection[str], *, by: str) -> list[str]:
    """Store the answers; what was answered. Raises DecisionNotPossible where one is missing."""
    waiting = [finding for finding in image.findings.all() if finding.is_open]
    for finding in waiting:
        if finding.kind not in kinds or finding.kind == COLOURS:
            what = "Choose its colours" if finding.kind == COLOURS else "Answer what was found"
            raise DecisionNotPossible(f"{image} can't be approved yet. {what}: {finding.text}")
        finding.answered_by, finding.answered_at = by, timezone.now()
        finding.save()
    return [f"{image}: {finding.kind}" for finding in waiting]


def _told(answered: list[str]) -> dict[str, list[str]]:
    return {"findings": answered} if answered else {}


@transaction.atomic
def reject(image: Image, *, reason: str, by: str) -> None:
    """Say that an image can't be used, and why. Raises DecisionNotPossible."""
    study = _require_draft(image.case.cohort.study)
    reason = reason.strip()
    if not reason:
        raise DecisionNotPossible("Enter a reason for the rejection.")
    _decide(_review_of(image), State.REJECTED, by=by, reason=reason[:200])
    record("image.reject", actor=by, study=study.slug, target=str(image), detail={"reason": reason})


@transaction.atomic
def crop(image: Image, box: Box, *, seen: str, by: str) -> Image:
    """Keep what is in the box, by the image's own pixels; the rest is gone for good.

    ``seen`` is the SHA-256 of the file on which the box was drawn. Raises DecisionNotPossible.
    """
    _require_draft(image.case.cohort.study)
    image = _locked(image, seen)
    review = _review_of(image)
    if review.needs_frame:
        raise DecisionNotPossible("Choose a frame first.")
    _require_colours(image)
    least = Limits().min_side
    if box != box.clamped(image.width, image.height) or min(box.width, box.height) < least:
        raise DecisionNotPossible(
            f"The box must lie inside the image ({image.width} by {image.height} pixels) and be "
            f"at least {least} pixels on each side."
        )
    rgb = box.cut(_decoded(_read(image.file.name)))
    review.suspected = _suspected(rgb)
    review.needs_crop, review.is_screened = "", True
    before = {"sha256": image.sha256, "width": image.width, "height": image.height}
    with _replaced(image, _encoded(rgb), rgb):
        _decide(review, State.CROPPED, by=by)
        after = {"sha256": image.sha256, "box": list(box)}
        _record_change("image.crop", image, by=by, before=before, after=after)
    return image


@transaction.atomic
def choose_frame(image: Image, number: int, *, by: str) -> Image:
    """Make a frame of the clip the image; the other frames are removed. Raises
    DecisionNotPossible."""
    _require_draft(image.case.cohort.study)
    image = _locked(image, image.sha256)
    chosen = CandidateFrame.objects.filter(image=image, number=number).first()
    if chosen is None:
        raise DecisionNotPossible(f"There is no frame {number} to choose.")
    png = _read(chosen.file.name)
    review = _review_of(image)
    rgb = _decoded(png)
    review.suspected = _suspected(rgb)
    review.needs_frame = False
    before = {"sha256": image.sha256}
    with _replaced(image, png, rgb) as files:
        _forget_frames(image, files)
        _decide(review, State.PENDING, by=by)
        after = {"sha256": image.sha256, "frame": number}
        _record_change("image.choose_frame", image, by=by, before=before, after=after)
    return image


@transaction.atomic
def choose_colours(image: Image, *, converted: bool, seen: str, by: str) -> Image:
    """Settle how the image's samples are read: as they are, or converted from luminance and colour
    differences. ``seen`` is as for `crop`. Raises DecisionNotPossible."""
    _require_draft(image.case.cohort.study)
    image = _locked(image, seen)
    finding = image.findings.filter(kind=COLOURS, answered_by="").first()
    review = _review_of(image)
    if finding is None or review.needs_frame:
        what = "Choose a frame first." if review.needs_frame else "Its colours are settled."
        raise DecisionNotPossible(what)
    finding.answered_by, finding.answered_at = by, timezone.now()
    finding.save()
    before = {"sha256": image.sha256}
    rgb = _decoded(_read(image.file.name))
    if converted:
        rgb = _converted(rgb)
        review.suspected = _suspected(rgb)
    with _replaced(image, _encoded(rgb), rgb):
        _decide(review, State.PENDING, by=by)
        after = {"sha256": image.sha256, "converted": converted}
        _record_change("image.choose_colours", image, by=by, before=before, after=after)
    return image


def other_colours(image: Image) -> bytes:
    """A PNG of the picture that the image would be with its samples converted."""
    return _encoded(_converted(_decoded(_read(image.file.name))))


@transaction.atomic
def answer_similar(pair: SimilarImages, text: str, *, by: str) -> None:
    """Say why two images that show the same may both stand. Raises DecisionNotPossible."""
    study = _require_draft(pair.second.case.cohort.study)
    if not text.strip():
        raise DecisionNotPossible("Enter why both images may stand in the study.")
    similar_images.answer(pair, text.strip(), by=by, study=study)


@transaction.atomic
def remove_case(case: Case, *, by: str) -> None:
    """Take a case with a rejected image out of a draft, with its images and its truth.

    Raises DecisionNotPossible.
    """
    study = _require_draft(case.cohort.study)
    images = list(Image.objects.filter(case=case).select_related("review"))
    if not any(_review_of(image).state == State.REJECTED for image in images):
        raise DecisionNotPossible("Only a case with a rejected image can be removed here.")
    target = str(case)
    try:
        with staged_in_transaction("removed") as files:
            for image in images:
                _forget_frames(image, files)
                files.remove_on_commit(image.file.name)
            left = similar_images.forget(images)
            ImageFinding.objects.filter(image__in=images).delete()
            ImageReview.objects.filter(image__in=images).delete()
            Image.objects.filter(case=case).delete()
            ReferenceStandard.objects.filter(case=case).delete()
            case.delete()
            similar_images.record_similar(study, left)
    except ProtectedError:
        raise DecisionNotPossible(
            f"{target} already has model results and can no longer be removed."
        ) from None
    record("case.remove", actor=by, study=study.slug, target=target)


def _require_draft(study: Study) -> Study:
    """The study under lock. Raises DecisionNotPossible once it is under way."""
    study = Study.objects.select_for_update().get(pk=study.pk)
    if study.state != Study.State.DRAFT:
        raise DecisionNotPossible(f"The study is {study.state}. Its images can't be changed.")
    return study


def _locked(image: Image, seen: str) -> Image:
    locked = Image.objects.select_for_update().get(pk=image.pk)
    if locked.sha256 != seen:
        raise DecisionNotPossible(f"{image} has changed since you viewed it. Review it again.")
    return locked


def _review_of(image: Image) -> ImageReview:
    """The image's review; one not saved yet where an image came without."""
    try:
        return image.review
    except ImageReview.DoesNotExist:
        return ImageReview(image=image, is_screened=False)


def _decide(
    review: ImageReview, state: str, *, by: str, sha256: str = "", reason: str = ""
) -> None:
    review.state, review.sha256, review.reason = state, sha256, reason
    review.decided_by, review.decided_at = by, timezone.now()
    review.save()


def _record_change(action: str, image: Image, *, by: str, before: dict, after: dict) -> None:
    record(
        action,
        actor=by,
        study=image.case.cohort.study.slug,
        target=str(image),
        detail={"before": before, "after": after},
    )


def _require_colours(image: Image) -> None:
    if image.findings.filter(kind=COLOURS, answered_by="").exists():
        raise DecisionNotPossible("Choose its colours first.")


@contextmanager
def _replaced(image: Image, png: bytes, rgb: "np.ndarray") -> Iterator[StagedFiles]:
    """Give an image another file under a new name; the old one goes once all is committed.

    What is known of its pixels is found anew.
    """
    with staged_in_transaction("decision") as files:
        files.remove_on_commit(image.file.name)
        image.file, image.sha256 = files.stage(png), hashlib.sha256(png).hexdigest()
        image.height, image.width = rgb.shape[:2]
        image.save()
        _find_anew(image, rgb)
        similar_images.refresh(image, rgb)
        files.place()
        yield files


def _find_anew(image: Image, rgb: "np.ndarray") -> None:
    from readerstudy.imaging.findings import OF_CONTENT, content_findings

    image.findings.filter(kind__in=OF_CONTENT).delete()
    found = content_findings(rgb, in_colour=image.modality == Modality.CDFI)
    ImageFinding.objects.bulk_create(
        ImageFinding(image=image, **fields_of(finding)) for finding in found
    )


def _forget_frames(image: Image, files: StagedFiles) -> None:
    for frame in CandidateFrame.objects.filter(image=image):
        files.remove_on_commit(frame.file.name)
        frame.delete()


def _read(name: str) -> bytes:
    return (settings.MEDIA_ROOT / name).read_bytes()


# These load NumPy and Pillow, which no other page has a use for.


def _decoded(png: bytes) -> "np.ndarray":
    from readerstudy.imaging.pixels import decode_rgb

    return decode_rgb(png)


def _encoded(rgb: "np.ndarray") -> bytes:
    from readerstudy.imaging.pixels import encode_png

    return encode_png(rgb)


def _converted(rgb: "np.ndarray") -> "np.ndarray":
    from readerstudy.imaging.colours import rgb_of_ybr

    return rgb_of_ybr(rgb)


def _suspected(rgb: "np.ndarray") -> list[list[int]]:
    from readerstudy.imaging.burned_in_text import suspected_text

    return [list(found) for found in suspected_text(rgb)]
