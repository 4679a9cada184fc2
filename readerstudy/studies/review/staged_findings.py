"""What an import writes down for whoever looks at its images."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone

from readerstudy.studies.models import Image
from readerstudy.studies.review.models import (
    CandidateFrame,
    ImageFinding,
    ImageReview,
    ImageThumbnail,
)

if TYPE_CHECKING:
    from readerstudy.imaging.deidentified_image import ImageFindings
    from readerstudy.imaging.findings import Finding


@dataclass(frozen=True, slots=True)
class StagedFindings:
    """The findings of an image, with the names of frames' files in place of the frames."""

    suspected: list[list[int]]
    says_burned_in: bool
    needs_crop: str
    frames: list[tuple[int, str]]
    doubts: tuple["Finding", ...]
    thumbnail: bytes


def stage_findings(
    findings: "ImageFindings", stage: Callable[[bytes], str], *, thumbnail: bytes
) -> StagedFindings:
    """Put frames aside by ``stage``, which gives the name that a PNG file will have."""
    return StagedFindings(
        suspected=[list(box) for box in findings.boxes],
        says_burned_in=findings.says_burned_in,
        needs_crop=findings.needs_crop,
        frames=[(frame.number, stage(frame.png)) for frame in findings.frames],
        doubts=findings.doubts,
        thumbnail=thumbnail,
    )


def store_findings(
    images: Sequence[Image], staged: Iterable[StagedFindings], *, reviewed_by: str = ""
) -> None:
    """A review of each stored image, in the same order.

    All wait for a person, unless ``reviewed_by`` names who made the pictures: those that need
    neither a crop nor a frame are then approved, and what was found about them answered.
    """
    found = list(zip(images, staged, strict=True))
    ImageReview.objects.bulk_create(_review(image, of, reviewed_by) for image, of in found)
    CandidateFrame.objects.bulk_create(
        CandidateFrame(image=image, number=number, file=name)
        for image, of in found
        for number, name in of.frames
    )
    answer = {"answered_by": reviewed_by, "answered_at": timezone.now()} if reviewed_by else {}
    ImageFinding.objects.bulk_create(
        ImageFinding(image=image, **fields_of(doubt), **(answer if doubt.must_answer else {}))
        for image, of in found
        for doubt in of.doubts
    )
    ImageThumbnail.objects.bulk_create(
        ImageThumbnail(image=image, pixels=of.thumbnail) for image, of in found
    )


def fields_of(finding: "Finding") -> dict[str, object]:
    """What a row says of a finding."""
    return {
        "kind": finding.kind, "text": finding.text[:300], "must_answer": finding.must_answer
    }  # fmt: skip


def _review(image: Image, found: StagedFindings, reviewed_by: str) -> ImageReview:
    review = ImageReview(
        image=image,
        suspected=found.suspected,
        says_burned_in=found.says_burned_in,
        needs_crop=found.needs_crop,
        needs_frame=bool(found.frames),
    )
    if reviewed_by and not (review.needs_crop or review.needs_frame):
        review.state = ImageReview.State.APPROVED
        review.sha256 = image.sha256
        review.decided_by, review.decided_at = reviewed_by, timezone.now()
    return review
