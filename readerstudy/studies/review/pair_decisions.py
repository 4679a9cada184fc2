"""Both images of a pair may stand, or not: said by a named person, in a draft, audited."""

from django.db import transaction
from django.utils import timezone

from readerstudy.audit.log import record
from readerstudy.studies.review.draft_reviews import DecisionNotPossible, require_draft
from readerstudy.studies.review.models import SimilarImages


@transaction.atomic
def answer_similar(pair: SimilarImages, text: str, *, by: str) -> None:
    """Say why two images that show the same may both stand. Raises DecisionNotPossible."""
    study = require_draft(pair.second.case.cohort.study)
    if not text.strip():
        raise DecisionNotPossible("Enter why both images may stand in the study.")
    if pair.is_same and pair.is_told_in_practice:
        raise DecisionNotPossible(
            "Readers are told the answer to a practice case: its picture can't be a testing case's "
            "too. Reject one of the two, and remove its case."
        )
    pair.answer, pair.answered_by, pair.answered_at = text.strip()[:200], by, timezone.now()
    pair.save()
    detail = {"first": str(pair.first), "second": str(pair.second), "answer": pair.answer}
    record("image.similar", actor=by, study=study.slug, target=str(pair.second), detail=detail)


@transaction.atomic
def withdraw_answer(pair: SimilarImages, *, by: str) -> None:
    """Have a pair answered anew. Raises DecisionNotPossible."""
    study = require_draft(pair.second.case.cohort.study)
    if not pair.answered_by:
        raise DecisionNotPossible("Nobody has answered this pair.")
    detail = {"first": str(pair.first), "second": str(pair.second), "withdrawn": pair.answer}
    pair.answer, pair.answered_by, pair.answered_at = "", "", None
    pair.save()
    record("image.similar", actor=by, study=study.slug, target=str(pair.second), detail=detail)
