"""Where the protocol wants it, two people unblind: one asks, another one confirms."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle, two_person_unblinding
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.reading.lifecycle_steps import LifecycleStep, perform, possible_steps
from readerstudy.reading.models import UnblindingAnswer, UnblindingRequest
from readerstudy.studies.models import Study
from tests import factories
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@shared
def locked():
    study = factories.make_open(cases=1, readers=("anna",), unblinding_needs_two=False)
    lifecycle.lock_study(study, by="test")
    study.refresh_from_db()
    return study


@shared
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
    assert possible_steps(study) == [LifecycleStep.ASK_UNBLINDING]
    perform(study, LifecycleStep.ASK_UNBLINDING, by="ivan", reason="All is read")
    assert state() == "locked"
    assert possible_steps(study) == [
        LifecycleStep.CONFIRM_UNBLINDING,
        LifecycleStep.WITHDRAW_UNBLINDING,
    ]
    perform(study, LifecycleStep.CONFIRM_UNBLINDING, by="irene")
    assert state() == "unblinded"
    told = AuditEvent.objects.filter(action__contains="unblind").order_by("pk")
    assert list(told.values_list("action", "actor", "outcome")) == [
        ("study.ask-unblinding", "ivan", "done"),
        ("study.confirm-unblinding", "irene", "done"),
        ("study.unblind", "irene", "done"),
    ]
    assert told[1].detail["asked"] == "ivan"


def test_the_same_person_twice_is_refused_and_on_record(study):
    perform(study, LifecycleStep.ASK_UNBLINDING, by="ivan")
    with pytest.raises(StepNotPossible, match="Another person must confirm"):
        perform(study, LifecycleStep.CONFIRM_UNBLINDING, by="ivan")
    assert state() == "locked"
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.outcome) == (
        "study.confirm-unblinding", "ivan", "refused",
    )  # fmt: skip
    assert not UnblindingAnswer.objects.exists()


def test_one_person_alone_does_not_unblind_it(study):
    with pytest.raises(StepNotPossible, match="two people"):
        perform(study, LifecycleStep.UNBLIND, by="ivan")
    perform(study, LifecycleStep.ASK_UNBLINDING, by="ivan")
    with pytest.raises(StepNotPossible, match="two people"):
        perform(study, LifecycleStep.UNBLIND, by="irene")
    assert state() == "locked"


def test_nor_does_the_command(study):
    with pytest.raises(CommandError, match="on the study's page in the admin"):
        call_command("study", "study", "unblind", by="ivan")
    assert state() == "locked"
    event = AuditEvent.objects.first()
    assert (event.action, event.outcome) == ("study.unblind", "refused")


@pytest.mark.parametrize("step", [LifecycleStep.ASK_UNBLINDING, LifecycleStep.CONFIRM_UNBLINDING,
                                  LifecycleStep.WITHDRAW_UNBLINDING])  # fmt: skip
@pytest.mark.parametrize("name", ["anna", "stranger", "nobody", "reading-admin"])
def test_readers_and_strangers_have_no_hand_in_it(step, name, study):
    factories.make_user("stranger")
    if name == "reading-admin":
        anna = study.reader_set.get().user
        anna.is_staff = anna.is_superuser = True
        anna.save()
        name = "anna"
    if step != LifecycleStep.ASK_UNBLINDING:
        two_person_unblinding.request_unblinding(study, by="ivan")
    with pytest.raises(StepNotPossible, match=r"may (not|no longer) unblind"):
        perform(study, step, by=name)
    assert state() == "locked"


def test_a_request_lapses(study, monkeypatch):
    two_person_unblinding.request_unblinding(study, by="ivan")
    monkeypatch.setattr(two_person_unblinding, "STANDS", timedelta(0))
    assert possible_steps(study) == [LifecycleStep.ASK_UNBLINDING]
    with pytest.raises(StepNotPossible, match="has expired"):
        perform(study, LifecycleStep.CONFIRM_UNBLINDING, by="irene")
    monkeypatch.undo()
    two_person_unblinding.withdraw_request(study, by="irene")
    two_person_unblinding.request_unblinding(study, by="irene")
    assert UnblindingRequest.objects.count() == 2


@pytest.mark.parametrize("by", ["ivan", "irene"])
def test_a_request_can_be_taken_back(by, study):
    two_person_unblinding.request_unblinding(study, by="ivan")
    perform(study, LifecycleStep.WITHDRAW_UNBLINDING, by=by)
    with pytest.raises(StepNotPossible, match="Request the unblinding first"):
        perform(study, LifecycleStep.CONFIRM_UNBLINDING, by="irene")
    assert state() == "locked"
    assert UnblindingAnswer.objects.get().outcome == "withdrawn"


def test_only_one_request_stands(study):
    two_person_unblinding.request_unblinding(study, by="ivan")
    with pytest.raises(StepNotPossible, match="ivan has already requested the unblinding"):
        perform(study, LifecycleStep.ASK_UNBLINDING, by="irene")


def test_who_asked_must_still_have_the_right(study):
    two_person_unblinding.request_unblinding(study, by="ivan")
    study.membership_set.filter(user__username="ivan").delete()
    with pytest.raises(StepNotPossible, match="ivan may no longer unblind the study"):
        perform(study, LifecycleStep.CONFIRM_UNBLINDING, by="irene")


def test_nothing_is_asked_for_before_the_lock():
    study = factories.make_draft(cases=1, readers=("anna",), unblinding_needs_two=True)
    for name in ("ivan", "irene"):
        factories.make_investigator(study, name)
    lifecycle.open_study(study, by="test")
    with pytest.raises(StepNotPossible, match="For this step it must be locked"):
        perform(study, LifecycleStep.ASK_UNBLINDING, by="ivan")


def test_one_person_unblinds_where_the_protocol_has_one(locked):
    factories.make_investigator(locked)
    with pytest.raises(StepNotPossible, match="one person"):
        perform(locked, LifecycleStep.ASK_UNBLINDING, by="ivan")
    perform(locked, LifecycleStep.UNBLIND, by="ivan")
    assert state() == "unblinded"


def test_a_study_that_needs_two_does_not_open_with_one():
    study = factories.make_draft(cases=1, readers=("anna",), unblinding_needs_two=True)
    factories.make_investigator(study)
    with pytest.raises(StepNotPossible, match="only ivan may"):
        lifecycle.open_study(study, by="test")


# What somebody does who writes to the database past the code.


def set_state(study: Study, state: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE cohorts_study SET state = %s WHERE id = %s", [state, study.pk])


def answered(study: Study, *, asked: str, by: str, outcome: str) -> None:
    people = {user.username: user for user in (m.user for m in study.membership_set.all())}
    request = UnblindingRequest.objects.create(study=study, by=people[asked])
    UnblindingAnswer.objects.create(request=request, by=people[by], outcome=outcome)


@pytest.mark.parametrize("to", ["unblinded", "archived"])
@pytest.mark.parametrize("since", ["nothing", "asked", "withdrawn", "another study"])
def test_the_database_itself_lets_nobody_unblind_alone(since, to, study):
    if since == "asked":
        UnblindingRequest.objects.create(study=study, by=study.membership_set.first().user)
    if since == "withdrawn":
        answered(study, asked="ivan", by="irene", outcome="withdrawn")
    if since == "another study":
        other = factories.make_draft("other", cases=1, readers=("dora",))
        for name in ("ivan", "irene"):
            factories.make_investigator(other, name)
        answered(other, asked="ivan", by="irene", outcome="confirmed")
    with pytest.raises(IntegrityError, match="cohorts_study refuses UPDATE"):
        set_state(study, to)
    study.refresh_from_db()
    assert study.state == "locked"


def test_the_database_lets_two_people_unblind(study):
    answered(study, asked="ivan", by="irene", outcome="confirmed")
    set_state(study, "unblinded")
    set_state(study, "archived")
    study.refresh_from_db()
    assert study.state == "archived"


def test_a_study_that_was_unblinded_before_stays_and_is_archived(study):
    on = "" if connection.vendor == "sqlite" else " ON cohorts_study"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER cohorts_study_no_update{on}")
    set_state(study, "unblinded")
    call_command("migrate", verbosity=0)
    set_state(study, "archived")
    study.refresh_from_db()
    assert study.state == "archived"


def test_the_database_lets_one_person_unblind_where_the_protocol_does(locked):
    set_state(locked, "unblinded")
    locked.refresh_from_db()
    assert locked.state == "unblinded"
