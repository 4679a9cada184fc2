"""A study's way: draft → open ↔ paused → locked → unblinded → archived.

Forward only, but for a pause; each step by a named person, and audited. What a step asks for is
registered in ``step_checks``; who may take it is said in ``lifecycle_permissions``; two people who
unblind are in ``two_person_unblinding``.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from inference import queue
from inference.models import StudyModel
from readerstudy.audit.log import record
from readerstudy.jobs import dispatch
from readerstudy.reading import audit_digests, opening_requirements, step_checks
from readerstudy.reading.models import Reader, UnblindingAnswer
from readerstudy.reading.study_opening import draw_and_freeze
from readerstudy.studies.models import Protocol, Study, testing_cases
from readerstudy.studies.review.approval import unapproved_image_reasons

State = Study.State
NEEDS_TWO = (
    "The protocol requires two people to unblind. One requests it and another confirms it, "
    "each with their password, on the study's page in the admin."
)


class StepNotPossible(Exception):
    """A step is refused; ``reasons`` says all that stands in its way."""

    def __init__(self, reasons: list[str]):
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def queue_model(study: Study) -> list[int]:
    """Make a job for every testing case and the study's model; the ids of those that wait.

    Jobs that failed, or whose worker died, wait again. Raises StepNotPossible when no model was
    chosen, or one whose predictions are imported, and for a study that is archived.
    """
    if study.state == State.ARCHIVED:
        raise StepNotPossible(["The study is archived. The model can no longer be run."])
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    if chosen is None:
        raise StepNotPossible(["Select the study's model version first."])
    try:
        queue.require_computed(chosen.model_version)
    except queue.NotComputed as refusal:
        raise StepNotPossible([str(refusal)]) from None
    cases = list(testing_cases(study).prefetch_related("image_set"))
    queue.QUEUE.reap()
    queue.retry_failed(cases=cases, model_version=chosen.model_version)
    return queue.enqueue(cases=cases, model_version=chosen.model_version)


@transaction.atomic
def run_model(
    study: Study, *, by: str, if_undelivered: Callable[[], object] = lambda: None
) -> None:
    """Queue the study's cases and have the worker run them. Raises StepNotPossible.

    ``if_undelivered`` is called if they wait for the broker to be back.

    Images are looked at first: a case that a model has a result for can't be removed any more.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)  # a review takes the same lock
    if reasons := unapproved_image_reasons(study):
        raise StepNotPossible(reasons)
    jobs = queue_model(study)
    record("study.run_model", actor=by, study=study.slug, detail={"jobs": len(jobs)})
    dispatch.dispatch_on_commit(queue.KIND, jobs, if_undelivered=if_undelivered)


def missing_to_open(study: Study) -> list[str]:
    """All that keeps a draft study from opening, in plain words; empty when it may open."""
    return step_checks.blocking_reasons(study, "open")


@transaction.atomic
def open_study(study: Study, *, by: str, reason: str = "", at: datetime | None = None) -> None:
    """Draw all orders, freeze the protocol, take readings from now on.

    ``at`` opens a synthetic study in the past, for readings that are simulated with their times.
    Raises StepNotPossible with every reason.
    """
    against = partial(_against_opening, at=at)
    grave = _require_reason(study, "open", reason)
    study = _enter(study, State.OPEN, require=State.DRAFT, against=against, at=at)
    draw_and_freeze(study)
    detail = audit_digests.opening_digests(study) | ({"as_of": at.isoformat()} if at else {})
    _record(study, "open", State.DRAFT, by=by, reason=reason, **grave, **detail)


@transaction.atomic
def pause_study(study: Study, *, by: str, reason: str = "") -> None:
    """Take no readings until the study is resumed. Raises StepNotPossible unless it is open."""
    study = _enter(study, State.PAUSED, require=State.OPEN)
    _record(study, "pause", State.OPEN, by=by, reason=reason)


@transaction.atomic
def resume_study(study: Study, *, by: str, reason: str = "") -> None:
    """Take readings again. Raises StepNotPossible unless the study is paused."""
    study = _enter(study, State.OPEN, require=State.PAUSED)
    _record(study, "resume", State.PAUSED, by=by, reason=reason)


@transaction.atomic
def lock_study(study: Study, *, by: str, reason: str = "") -> None:
    """Take no more readings, ever. Raises StepNotPossible unless the study is open or paused."""
    before = Study.objects.select_for_update().get(pk=study.pk).state
    study = _enter(study, State.LOCKED, require=[State.OPEN, State.PAUSED])
    unread = opening_requirements.unread_count(study)
    _record(study, "lock", before, by=by, reason=reason, unread=unread)


@transaction.atomic
def unblind_study(study: Study, *, by: str, reason: str = "") -> None:
    """Unseal the results.

    Raises StepNotPossible unless the study is locked and, where the protocol wants two people, one
    of them asked and the other confirmed (``two_person_unblinding.confirm_unblinding``).
    """
    grave = _require_reason(study, "unblind", reason)
    study = _enter(study, State.UNBLINDED, require=State.LOCKED, against=_against_unblinding)
    _record(study, "unblind", State.LOCKED, by=by, reason=reason, **grave)


@transaction.atomic
def archive_study(study: Study, *, by: str, reason: str = "") -> None:
    """Close the study for good: read-only for everybody. Raises StepNotPossible unless
    unblinded."""
    against = partial(step_checks.blocking_reasons, step="archive")
    study = _enter(study, State.ARCHIVED, require=State.UNBLINDED, against=against)
    _record(study, "archive", State.UNBLINDED, by=by, reason=reason)


def _enter(
    study: Study,
    state: str,
    *,
    require: str | list[str],
    against: Callable[[Study], list[str]] = lambda _study: [],
    at: datetime | None = None,
) -> Study:
    """Move the study, held under lock, to a state, as of now or of ``at``."""
    study = Study.objects.select_for_update().get(pk=study.pk)
    list(Reader.objects.select_for_update().filter(study=study))  # no submit is under way now
    reasons = against(study)
    required = [require] if isinstance(require, str) else require
    if study.state not in required:
        wanted = " or ".join(required)
        reasons = [f"The study is {study.state}. For this step it must be {wanted}."]
    if reasons:
        raise StepNotPossible(reasons)
    resumed = study.state == State.PAUSED and state == State.OPEN
    study.state = state
    stamp = {State.OPEN: "opened_at", State.PAUSED: None}.get(state, f"{state}_at")
    if stamp and not resumed:
        setattr(study, stamp, at or timezone.now())
    study.save()
    return study


def _record(study: Study, step: str, before: str, *, by: str, reason: str, **detail) -> None:
    states = {"before": {"state": before}, "after": {"state": study.state}}
    given_reason = {"reason": reason} if reason else {}
    now = {"study": audit_digests.state_record(study)}
    record(f"study.{step}", actor=by, study=study.slug, detail=states | given_reason | now | detail)


def _require_reason(study: Study, step: str, reason: str) -> dict[str, list[str]]:
    """What is grave, for the step's event. Raises StepNotPossible where no reason is given for
    it."""
    grave = step_checks.grave_warnings(study, step)
    if grave and not reason.strip():
        raise StepNotPossible([*grave, "Enter a reason for taking the step despite this."])
    return {"in_spite_of": grave} if grave else {}


def _against_opening(study: Study, *, at: datetime | None) -> list[str]:
    """All that is missing, and what is wrong with the time."""
    reasons = []
    if at is not None and not study.is_synthetic:
        reasons.append("Only a synthetic study can be opened at a time other than now.")
    if at is not None and at > timezone.now():
        reasons.append("A study can't be opened at a time in the future.")
    return reasons + missing_to_open(study)


def _against_unblinding(study: Study) -> list[str]:
    wants_two = Protocol.objects.filter(study=study, unblinding_needs_two=True).exists()
    confirmed = UnblindingAnswer.objects.filter(
        request__study=study, outcome=UnblindingAnswer.Outcome.CONFIRMED
    )
    return [NEEDS_TWO] if wants_two and not confirmed.exists() else []
