"""The reviews of a draft's images: who may still decide, on what, and what is written down."""

from django.utils import timezone

from readerstudy.studies.models import Image, Study
from readerstudy.studies.review.models import ImageReview


class DecisionNotPossible(ValueError):
    """A decision is refused; the message says why."""


def require_draft(study: Study) -> Study:
    """The study under lock. Raises DecisionNotPossible once it is under way."""
    study = Study.objects.select_for_update().get(pk=study.pk)
    if study.state != Study.State.DRAFT:
        raise DecisionNotPossible(f"The study is {study.state}. Its images can't be changed.")
    return study


def locked(image: Image, seen: str) -> Image:
    """The image under lock, which must be the file of this SHA-256. Raises DecisionNotPossible."""
    locked = Image.objects.select_for_update().get(pk=image.pk)
    if locked.sha256 != seen:
        raise DecisionNotPossible(f"{image} has changed since you viewed it. Review it again.")
    return locked


def review_of(image: Image) -> ImageReview:
    """The image's review; one not saved yet where an image came without."""
    try:
        return image.review
    except ImageReview.DoesNotExist:
        return ImageReview(image=image, is_screened=False)


def decide(review: ImageReview, state: str, *, by: str, sha256: str = "", reason: str = "") -> None:
    """Store a decision."""
    review.state, review.sha256, review.reason = state, sha256, reason
    review.decided_by, review.decided_at = by, timezone.now()
    review.save()
