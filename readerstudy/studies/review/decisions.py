"""Crop, choose a frame or colours, reject, remove: each by a named person, in a draft, audited."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from readerstudy.audit.log import record
from readerstudy.diagnosis import Modality
from readerstudy.imaging import Box, Limits
from readerstudy.studies.file_staging import StagedFiles, staged_in_transaction
from readerstudy.studies.models import (
    Case,
    Image,
    ReferenceStandard,
)
from readerstudy.studies.review import similar_images
from readerstudy.studies.review.draft_reviews import (
    DecisionNotPossible,
    decide,
    locked,
    require_draft,
    review_of,
)
from readerstudy.studies.review.models import CandidateFrame, ImageFinding, ImageReview
from readerstudy.studies.review.staged_findings import fields_of

if TYPE_CHECKING:
    import numpy as np

State = ImageReview.State
COLOURS = "colours"  # the kind of finding that is answered by a choice
SIZE, BURNED_IN = "size", "burned_in"  # kinds that a crop may settle


@transaction.atomic
def reject(image: Image, *, reason: str, by: str) -> None:
    """Say that an image can't be used, and why. Raises DecisionNotPossible."""
    study = require_draft(image.case.cohort.study)
    reason = reason.strip()[:200]
    if not reason:
        raise DecisionNotPossible("Enter a reason for the rejection.")
    decide(review_of(image), State.REJECTED, by=by, reason=reason)
    record(
        "image.reject",
        actor=by,
        study=study.slug,
        target=str(image),
        detail={"reason": reason},
    )


@transaction.atomic
def withdraw_rejection(image: Image, *, by: str) -> None:
    """Have a rejected image reviewed again. Raises DecisionNotPossible."""
    study = require_draft(image.case.cohort.study)
    review = review_of(image)
    if review.state != State.REJECTED:
        raise DecisionNotPossible(f"{image} is not rejected.")
    detail = {"withdrawn": review.reason}
    decide(review, State.PENDING, by=by)
    record("image.reject", actor=by, study=study.slug, target=str(image), detail=detail)


@transaction.atomic
def crop(image: Image, box: Box, *, seen: str, by: str, is_whole: bool = False) -> Image:
    """Keep what is in the box, by the image's own pixels; the rest is gone for good.

    ``seen`` is the SHA-256 of the file on which the box was drawn. ``is_whole`` says that all of
    the picture is ultrasound: then the box is the picture. Raises DecisionNotPossible.
    """
    require_draft(image.case.cohort.study)
    image = locked(image, seen)
    review = review_of(image)
    if review.needs_frame:
        raise DecisionNotPossible("Choose a frame first.")
    _require_colours(image)
    least = Limits().min_side
    whole = Box(0, 0, image.width, image.height)
    if box == whole and not is_whole:
        raise DecisionNotPossible(
            "Draw a box, or tick that the whole picture is ultrasound: this box cuts nothing off."
        )
    if box != box.clamped(image.width, image.height) or min(box.width, box.height) < least:
        raise DecisionNotPossible(
            f"The box must lie inside the image ({image.width} by {image.height} pixels) and be "
            f"at least {least} pixels on each side."
        )
    rgb = box.cut(_decoded(_read(image.file.name)))
    review.suspected = _suspected(rgb)
    review.needs_crop, review.is_screened = "", True
    before = {"sha256": image.sha256, "width": image.width, "height": image.height}
    if not is_whole:
        image.findings.filter(kind=BURNED_IN).delete()
    with _replaced(image, _encoded(rgb), rgb):
        decide(review, State.CROPPED, by=by)
        after = {"sha256": image.sha256, "box": list(box)}
        _record_change("image.crop", image, by=by, before=before, after=after)
    return image


@transaction.atomic
def choose_frame(image: Image, number: int, *, by: str) -> Image:
    """Make a frame of the clip the image; the other frames are removed. Raises
    DecisionNotPossible."""
    require_draft(image.case.cohort.study)
    image = locked(image, image.sha256)
    chosen = CandidateFrame.objects.filter(image=image, number=number).first()
    if chosen is None:
        raise DecisionNotPossible(f"There is no frame {number} to choose.")
    png = _read(chosen.file.name)
    review = review_of(image)
    rgb = _decoded(png)
    review.suspected = _suspected(rgb)
    review.needs_frame = False
    before = {"sha256": image.sha256}
    with _replaced(image, png, rgb) as files:
        _forget_frames(image, files)
        decide(review, State.PENDING, by=by)
        after = {"sha256": image.sha256, "frame": number}
        _record_change("image.choose_frame", image, by=by, before=before, after=after)
    return image


@transaction.atomic
def choose_colours(image: Image, *, converted: bool, seen: str, by: str) -> Image:
    """Settle how the image's samples are read: as they are, or converted from luminance and colour
    differences. ``seen`` is as for `crop`. Raises DecisionNotPossible."""
    require_draft(image.case.cohort.study)
    image = locked(image, seen)
    finding = image.findings.filter(kind=COLOURS, answered_by="").first()
    review = review_of(image)
    if finding is None or review.needs_frame:
        what = "Choose a frame first." if review.needs_frame else "Its colours are settled."
        raise DecisionNotPossible(what)
    finding.answered_by, finding.answered_at = by, timezone.now()
    chosen = "converted from YCbCr" if converted else "as stored in the file"
    finding.text = f'The file did not tell how its colours are stored: "{chosen}" was chosen.'
    finding.save()
    before = {"sha256": image.sha256}
    rgb = _decoded(_read(image.file.name))
    if converted:
        rgb = _converted(rgb)
        review.suspected = _suspected(rgb)
    with _replaced(image, _encoded(rgb), rgb):
        decide(review, State.PENDING, by=by)
        after = {"sha256": image.sha256, "converted": converted}
        _record_change("image.choose_colours", image, by=by, before=before, after=after)
    return image


def other_colours(image: Image) -> bytes:
    """A PNG of the picture that the image would be with its samples converted."""
    return _encoded(_converted(_decoded(_read(image.file.name))))


@transaction.atomic
def remove_case(case: Case, *, by: str) -> None:
    """Take a case with a rejected image out of a draft, with its images and its truth.

    Raises DecisionNotPossible.
    """
    study = require_draft(case.cohort.study)
    images = list(Image.objects.filter(case=case).select_related("review"))
    if not any(review_of(image).state == State.REJECTED for image in images):
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
    from readerstudy.studies.review.unusual_sizes import record_unusual_sizes

    image.findings.filter(kind__in=(*OF_CONTENT, SIZE)).delete()
    record_unusual_sizes(image.case.cohort, [image])
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
