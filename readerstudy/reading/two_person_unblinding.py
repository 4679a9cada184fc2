"""Two people unblind, where the protocol wants it: one asks, another one confirms.

A request stands for some days and can be taken back. What was asked and answered stays on record;
the database refuses an answer that confirms one's own request.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.audit.row_digests import row_evidence
from readerstudy.reading import lifecycle, witnessed_rows
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.reading.lifecycle_permissions import may_perform
from readerstudy.reading.models import UnblindingAnswer, UnblindingRequest
from readerstudy.studies.models import Protocol, Study
from readerstudy.studies.permissions import Action

STANDS = timedelta(days=14)
NONE_STANDS = "There is no request to unblind, or it has expired. Request the unblinding first."
Outcome = UnblindingAnswer.Outcome


def needs_two(study: Study) -> bool:
    """Whether the study's protocol wants two people."""
    return Protocol.objects.filter(study=study, unblinding_needs_two=True).exists()


def standing_request(study: Study) -> UnblindingRequest | None:
    """The request that waits for an answer, if it has not lapsed."""
    return (
        UnblindingRequest.objects.filter(
            study=study, unblindinganswer__isnull=True, at__gt=timezone.now() - STANDS
        )
        .select_related("by")
        .last()
    )


def lapses_at(request: UnblindingRequest):
    """When a request counts no more."""
    return request.at + STANDS


@transaction.atomic
def request_unblinding(study: Study, *, by: str, reason: str = "") -> None:
    """Ask for the unblinding; another person has to confirm it.

    Raises StepNotPossible unless the study is locked and its protocol wants two people, for a
    person who may not unblind it, and while a request stands.
    """
    study, person = _held(study), _person(study, by)
    if not needs_two(study):
        raise StepNotPossible(["The protocol lets one person unblind. No request is needed."])
    if standing := standing_request(study):
        raise StepNotPossible(
            [f"{standing.by} has already requested the unblinding. It is waiting to be confirmed."]
        )
    request = UnblindingRequest.objects.create(study=study, by=person, reason=reason)
    stored = row_evidence(witnessed_rows.REQUEST, request)
    _record(study, "ask-unblinding", by=by, reason=reason, **stored)


@transaction.atomic
def withdraw_request(study: Study, *, by: str, reason: str = "") -> None:
    """Take the request back, whosever it is. Raises StepNotPossible where none stands."""
    study, person = _held(study), _person(study, by)
    standing = _standing(study)
    answer = UnblindingAnswer.objects.create(
        request=standing, by=person, outcome=Outcome.WITHDRAWN, reason=reason
    )
    _record_answer(study, "withdraw-unblinding", answer, by=by)


@transaction.atomic
def confirm_unblinding(study: Study, *, by: str, reason: str = "") -> None:
    """Confirm another person's request, and unblind the study.

    Raises StepNotPossible where no request stands, or it is the same person's.
    """
    study, person = _held(study), _person(study, by)
    standing = _standing(study)
    if standing.by == person:
        raise StepNotPossible(["You requested it yourself. Another person must confirm it."])
    if not may_perform(standing.by, study, Action.UNBLIND):
        raise StepNotPossible(
            [f"{standing.by} may no longer unblind the study. Make a new request."]
        )
    answer = UnblindingAnswer.objects.create(
        request=standing, by=person, outcome=Outcome.CONFIRMED, reason=reason
    )
    _record_answer(study, "confirm-unblinding", answer, by=by)
    lifecycle.unblind_study(study, by=by, reason=reason)


def _held(study: Study) -> Study:
    """The study under lock, so that two clicks are one after the other."""
    study = Study.objects.select_for_update().get(pk=study.pk)
    if study.state != Study.State.LOCKED:
        raise StepNotPossible([f"The study is {study.state}. For this step it must be locked."])
    return study


def _person(study: Study, username: str) -> User:
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None or not may_perform(person, study, Action.UNBLIND):
        raise StepNotPossible([f"{username} may not unblind this study."])
    return person


def _standing(study: Study) -> UnblindingRequest:
    standing = standing_request(study)
    if standing is None:
        raise StepNotPossible([NONE_STANDS])
    return standing


def _record_answer(study: Study, step: str, answer: UnblindingAnswer, *, by: str) -> None:
    requested_by, stored = (
        answer.request.by.get_username(),
        row_evidence(witnessed_rows.ANSWER, answer),
    )
    _record(study, step, by=by, reason=answer.reason, asked=requested_by, **stored)


def _record(study: Study, step: str, *, by: str, reason: str, **detail) -> None:
    given_reason = {"reason": reason} if reason else {}
    record(f"study.{step}", actor=by, study=study.slug, detail=given_reason | detail)
