"""Two people unblind, where the protocol wants it: one asks, another one confirms.

A request stands for some days and can be taken back. What was asked and answered stays on record;
the database refuses an answer that confirms one's own request.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.cohorts.models import Protocol, Study
from readerstudy.cohorts.roles import Action
from readerstudy.reading import lifecycle
from readerstudy.reading.lifecycle import NotPossible
from readerstudy.reading.models import UnblindingAnswer, UnblindingRequest
from readerstudy.reading.people import may_step

STANDS = timedelta(days=14)
NONE_STANDS = "Nobody has asked for the unblinding, or it has lapsed: ask for it first."
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
def ask(study: Study, *, by: str, reason: str = "") -> None:
    """Ask for the unblinding; another person has to confirm it.

    Raises NotPossible unless the study is locked and its protocol wants two people, for a person
    who may not unblind it, and while a request stands.
    """
    study, person = _held(study), _person(study, by)
    if not needs_two(study):
        raise NotPossible(["The protocol lets one person unblind: nothing is to be asked for."])
    if standing := standing_request(study):
        raise NotPossible([f"{standing.by} has asked for it already; it waits to be confirmed."])
    UnblindingRequest.objects.create(study=study, by=person, reason=reason)
    _record(study, "ask-unblinding", by=by, reason=reason)


@transaction.atomic
def withdraw(study: Study, *, by: str, reason: str = "") -> None:
    """Take the request back, whosever it is. Raises NotPossible where none stands."""
    study, person = _held(study), _person(study, by)
    standing = _standing(study)
    UnblindingAnswer.objects.create(
        request=standing, by=person, outcome=Outcome.WITHDRAWN, reason=reason
    )
    _record(study, "withdraw-unblinding", by=by, reason=reason, asked=standing.by.get_username())


@transaction.atomic
def confirm(study: Study, *, by: str, reason: str = "") -> None:
    """Confirm another person's request, and unblind the study.

    Raises NotPossible where no request stands, or it is the same person's.
    """
    study, person = _held(study), _person(study, by)
    standing = _standing(study)
    if standing.by == person:
        raise NotPossible(["You asked for it yourself: another person has to confirm it."])
    if not may_step(standing.by, study, Action.UNBLIND):
        raise NotPossible([f"{standing.by} may not unblind the study any more: ask for it anew."])
    UnblindingAnswer.objects.create(
        request=standing, by=person, outcome=Outcome.CONFIRMED, reason=reason
    )
    asked = standing.by.get_username()
    _record(study, "confirm-unblinding", by=by, reason=reason, asked=asked)
    lifecycle.unblind_study(study, by=by, reason=reason)


def _held(study: Study) -> Study:
    """The study under lock, so that two clicks are one after the other."""
    study = Study.objects.select_for_update().get(pk=study.pk)
    if study.state != Study.State.LOCKED:
        raise NotPossible([f"The study is {study.state}; this needs it to be locked."])
    return study


def _person(study: Study, username: str) -> User:
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None or not may_step(person, study, Action.UNBLIND):
        raise NotPossible([f"{username} may not unblind this study."])
    return person


def _standing(study: Study) -> UnblindingRequest:
    standing = standing_request(study)
    if standing is None:
        raise NotPossible([NONE_STANDS])
    return standing


def _record(study: Study, step: str, *, by: str, reason: str, **detail) -> None:
    told = {"reason": reason} if reason else {}
    record(f"study.{step}", actor=by, study=study.slug, detail=told | detail)
