"""Where the protocol wants it, two people unblind: one asks, another one confirms."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from readerstudy.audit.models import AuditEvent
from readerstudy.cohorts.models import Study
from readerstudy.reading import lifecycle, unblinding
from readerstudy.reading.lifecycle import NotPossible
from readerstudy.reading.models import UnblindingAnswer, UnblindingRequest
from readerstudy.reading.steps import Step, possible_steps, take
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def locked():
    study = factories.make_open(cases=1, readers=("anna",), unblinding_needs_two=False)
    lifecycle.lock_study(study, by="test")
    study.refresh_from_db()
    return study


@pytest.fixture
def study():
    """A locked study that two people unblind: ivan and irene are its investigators."""
    study = factories.make_draft(cases=1, readers=("anna",), unblinding_needs_two=True)
    for name in ("ivan", "irene"):
        factories.make_investigator(study, name)
    lifecycle.open_study(study, by="test")
    lifecycle.lock_study(study, by="test")
    study.refresh_from_db()
    return study


def state() -> str:
    return Study.objects.get().state


def test_two_people_unblind(study):
    assert possible_steps(study) == [Step.ASK_UNBLINDING]
    take(study, Step.ASK_UNBLINDING, by="ivan", reason="All is read")
    assert state() == "locked"
    assert possible_steps(study) == [Step.CONFIRM_UNBLINDING, Step.WITHDRAW_UNBLINDING]
    take(study, Step.CONFIRM_UNBLINDING, by="irene")
    assert state() == "unblinded"
    told = AuditEvent.objects.filter(action__contains="unblind").order_by("pk")
    assert list(told.values_list("action", "actor", "outcome")) == [
        ("study.ask-unblinding", "ivan", "done"),
        ("study.confirm-unblinding", "irene", "done"),
        ("study.unblind", "irene", "done"),
    ]
    assert told[1].detail["asked"] == "ivan"


def test_the_same_person_twice_is_refused_and_on_record(study):
    take(study, Step.ASK_UNBLINDING, by="ivan")
    with pytest.raises(NotPossible, match="another person has to confirm"):
        take(study, Step.CONFIRM_UNBLINDING, by="ivan")
    assert state() == "locked"
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.outcome) == (
        "study.confirm-unblinding", "ivan", "refused",
    )  # fmt: skip
    assert not UnblindingAnswer.objects.exists()


def test_one_person_alone_does_not_unblind_it(study):
    with pytest.raises(NotPossible, match="two people"):
        take(study, Step.UNBLIND, by="ivan")
    take(study, Step.ASK_UNBLINDING, by="ivan")
    with pytest.raises(NotPossible, match="two people"):
        take(study, Step.UNBLIND, by="irene")
    assert state() == "locked"


def test_nor_does_the_command(study):
    with pytest.raises(CommandError, match="on the study's page in the admin"):
        call_command("study", "study", "unblind", by="ivan")
    assert state() == "locked"
    event = AuditEvent.objects.first()
    assert (event.action, event.outcome) == ("study.unblind", "refused")


@pytest.mark.parametrize("step", [Step.ASK_UNBLINDING, Step.CONFIRM_UNBLINDING,
                                  Step.WITHDRAW_UNBLINDING])  # fmt: skip
@pytest.mark.parametrize("name", ["anna", "stranger", "nobody", "reading-admin"])
def test_readers_and_strangers_have_no_hand_in_it(step, name, study):
    factories.make_user("stranger")
    if name == "reading-admin":
        anna = study.reader_set.get().user
        anna.is_staff = anna.is_superuser = True
        anna.save()
        name = "anna"
    if step != Step.ASK_UNBLINDING:
        unblinding.ask(study, by="ivan")
    with pytest.raises(NotPossible, match="may not unblind"):
        take(study, step, by=name)
    assert state() == "locked"


def test_a_request_lapses(study, monkeypatch):
    unblinding.ask(study, by="ivan")
    monkeypatch.setattr(unblinding, "STANDS", timedelta(0))
    assert possible_steps(study) == [Step.ASK_UNBLINDING]
    with pytest.raises(NotPossible, match="lapsed"):
        take(study, Step.CONFIRM_UNBLINDING, by="irene")
    monkeypatch.undo()
    unblinding.withdraw(study, by="irene")
    unblinding.ask(study, by="irene")
    assert UnblindingRequest.objects.count() == 2


@pytest.mark.parametrize("by", ["ivan", "irene"])
def test_a_request_can_be_taken_back(by, study):
    unblinding.ask(study, by="ivan")
    take(study, Step.WITHDRAW_UNBLINDING, by=by)
    with pytest.raises(NotPossible, match="ask for it first"):
        take(study, Step.CONFIRM_UNBLINDING, by="irene")
    assert state() == "locked"
    assert UnblindingAnswer.objects.get().outcome == "withdrawn"


def test_only_one_request_stands(study):
    unblinding.ask(study, by="ivan")
    with pytest.raises(NotPossible, match="ivan has asked for it already"):
        take(study, Step.ASK_UNBLINDING, by="irene")


def test_who_asked_must_still_have_the_right(study):
    unblinding.ask(study, by="ivan")
    study.membership_set.filter(user__username="ivan").delete()
    with pytest.raises(NotPossible, match="ivan may not unblind the study any more"):
        take(study, Step.CONFIRM_UNBLINDING, by="irene")


def test_nothing_is_asked_for_before_the_lock():
    study = factories.make_draft(cases=1, readers=("anna",), unblinding_needs_two=True)
    for name in ("ivan", "irene"):
        factories.make_investigator(study, name)
    lifecycle.open_study(study, by="test")
    with pytest.raises(NotPossible, match="this needs it to be locked"):
        take(study, Step.ASK_UNBLINDING, by="ivan")


def test_one_person_unblinds_where_the_protocol_has_one(locked):
    factories.make_investigator(locked)
    with pytest.raises(NotPossible, match="one person"):
        take(locked, Step.ASK_UNBLINDING, by="ivan")
    take(locked, Step.UNBLIND, by="ivan")
    assert state() == "unblinded"


def test_a_study_that_needs_two_does_not_open_with_one():
    study = factories.make_draft(cases=1, readers=("anna",), unblinding_needs_two=True)
    factories.make_investigator(study)
    with pytest.raises(NotPossible, match="only ivan may"):
        lifecycle.open_study(study, by="test")
