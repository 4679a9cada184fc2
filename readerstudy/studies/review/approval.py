"""Images approved for readers: by a named person, each as the very file that was looked at."""

from collections.abc import Collection, Mapping

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from readerstudy.audit.log import record
from readerstudy.studies.models import Image, Study, practice_cases, testing_cases
from readerstudy.studies.review.draft_reviews import (
    DecisionNotPossible,
    decide,
    require_draft,
    review_of,
)
from readerstudy.studies.review.models import ImageFinding, ImageReview

State = ImageReview.State
COLOURS = "colours"  # the kind of finding that is answered by a choice
Answered = Mapping[int, Collection[str]]
"""By image, the kinds of findings of which a person says that it is right nevertheless."""


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


def approval_problems(
    seen: Mapping[int, str], *, study: Study, answered: Answered | None = None
) -> dict[int, str]:
    """By image, why it can't be approved; ``seen`` and ``answered`` are as for `approve`."""
    images = images_with_reviews(study).filter(pk__in=seen).prefetch_related("findings")
    problems = dict.fromkeys(seen, "One of these images no longer exists. Reload the page.")
    for image in images:
        problems[image.pk] = _problem(image, seen[image.pk], (answered or {}).get(image.pk, ()))
    return {image: problem for image, problem in problems.items() if problem}


@transaction.atomic
def approve(
    seen: Mapping[int, str], *, study: Study, by: str, answered: Answered | None = None
) -> int:
    """Approve the images of a study, by id with the SHA-256 that was looked at; how many.

    All or none. Raises DecisionNotPossible.
    """
    require_draft(study)
    for problem in approval_problems(seen, study=study, answered=answered).values():
        raise DecisionNotPossible(problem)
    told: list[str] = []
    images = list(images_with_reviews(study).filter(pk__in=seen).prefetch_related("findings"))
    for image in images:
        for finding in _waiting(image):
            finding.answered_by, finding.answered_at = by, timezone.now()
            finding.save()
            told.append(f"{image}: {finding.kind}")
        decide(review_of(image), State.APPROVED, by=by, sha256=image.sha256)
    detail = {"images": sorted(image.sha256 for image in images)}
    detail |= {"findings": told} if told else {}
    record("image.approve", actor=by, study=study.slug, detail=detail)
    return len(images)


def _problem(image: Image, sha256: str, answered: Collection[str]) -> str:
    """Why an image can't be approved as this file; empty where it can."""
    review = review_of(image)
    if image.sha256 != sha256:
        return f"{image} has changed since you viewed it. Review it again."
    if review.state == State.REJECTED:
        return f"{image} was rejected. Withdraw the rejection first."
    if review.needs_frame or review.needs_crop:
        what = "choose a frame" if review.needs_frame else "draw a box around the ultrasound"
        return f"{image} can't be approved yet: {what} first."
    for finding in _waiting(image):
        if finding.kind not in answered or finding.kind == COLOURS:
            what = "Choose its colours" if finding.kind == COLOURS else "Answer what was found"
            return f"{image} can't be approved yet. {what}: {finding.text}"
    return ""


def _waiting(image: Image) -> list[ImageFinding]:
    return [finding for finding in image.findings.all() if finding.is_open]
