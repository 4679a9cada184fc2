"""Simulated readings are stored in bulk by the rules of people's, and never in a person's name."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle, sequence
from readerstudy.reading.errors import AidMissing, Invalid, OutOfOrder, StudyNotOpen
from readerstudy.reading.models import Assignment, Presentation, Reader, Reading
from readerstudy.reading.submission import SimulatedReading, submit_simulated
from readerstudy.studies.models import Study
from tests import factories
from tests.worlds import shared

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def make_study(*, days_ago: int = 2, **fields) -> Study:
    """An open study of 3 cases, whose readers are simulated."""
    study = factories.make_draft(cases=3, **fields)
    Study.objects.filter(pk=study.pk).update(is_synthetic=True)
    User.objects.update(is_active=False)
    lifecycle.open_study(study, by="test", at=timezone.now() - timedelta(days=days_ago))
    study.refresh_from_db()
    return study


def reader_of(study: Study, code: str = "R1") -> Reader:
    return Reader.objects.get(study=study, code=code)


def readings_of(reader: Reader, *, since: datetime | None = None) -> list[SimulatedReading]:
    """One a minute for all that is left, right one after the other."""
    at = since or reader.study.opened_at
    return [
        SimulatedReading(
            code=assignment.code,
            malignancy="malignant",
            etiology="lymphoma",
            started_at=at + number * MINUTE,
            submitted_at=at + (number + 1) * MINUTE,
        )
        for number, assignment in enumerate(sequence.unread_assignments(reader))
    ]


@shared
def reader():
    return reader_of(make_study())


@pytest.mark.parametrize("design", ["two_session", "sequential"])
def test_all_that_is_left_is_stored_in_the_stored_order_with_its_times(design):
    study = make_study(design=design)
    reader = reader_of(study)
    readings = readings_of(reader)
    readings[0] = replace(readings[0], malignancy="benign", etiology="reactive_hyperplasia")
    submit_simulated(reader=reader, readings=readings)
    order = ["stage", "position"] if design == "two_session" else ["position", "stage"]
    stored = Reading.objects.order_by(*(f"assignment__{name}" for name in order))
    fields = ("assignment__code", "malignancy", "etiology", "started_at", "submitted_at")
    sent = [(r.code, r.malignancy, r.etiology, r.started_at, r.submitted_at) for r in readings]
    assert list(stored.values_list(*fields)) == sent
    assert len(set(stored.values_list("idempotency_key", flat=True))) == len(sent) == 6
    shown = set(Presentation.objects.values_list("assignment__code", "at"))
    assert shown == {(r.code, r.started_at) for r in readings}
    assert sequence.current_assignment(reader) is None
    assert sequence.current_assignment(reader_of(study, "R2")) is not None
    event = AuditEvent.objects.get(action="reading.simulate")
    assert (event.actor, event.study, event.target) == ("anna", "study", "R1")
    ids = sorted(stored.values_list("pk", flat=True))
    assert (event.detail["first"], event.detail["last"]) == (ids[0], ids[-1])
    assert event.detail["readings"] == 6


def wrong_study(reader, readings):
    study = factories.make_open("real", cases=3, readers=("clara",))
    User.objects.update(is_active=False)
    reader = reader_of(study)
    return reader, readings_of(reader)


def a_person(reader, readings):
    User.objects.filter(pk=reader.user_id).update(is_active=True)
    return reader, readings


def locked(reader, readings):
    lifecycle.lock_study(reader.study, by="test")
    return reader, readings


def one_short(reader, readings):
    return reader, readings[:-1]


def another_order(reader, readings):
    first, second = readings[:2]
    codes = replace(first, code=second.code), replace(second, code=first.code)
    return reader, [*codes, *readings[2:]]


def another_readers(reader, readings):
    return reader, readings_of(reader_of(reader.study, "R2"))


def inconsistent(reader, readings):
    return reader, [*readings[:-1], replace(readings[-1], malignancy="benign")]


def two_at_once(reader, readings):
    early = readings[1].started_at - timedelta(seconds=1)
    return reader, [readings[0], replace(readings[1], started_at=early), *readings[2:]]


def backwards(reader, readings):
    early = readings[-1].started_at - timedelta(seconds=1)
    return reader, [*readings[:-1], replace(readings[-1], submitted_at=early)]


def before_the_opening(reader, readings):
    return reader, readings_of(reader, since=reader.study.opened_at - timedelta(seconds=1))


def in_the_future(reader, readings):
    return reader, readings_of(reader, since=timezone.now() - MINUTE)


REFUSED = {
    wrong_study: Invalid,
    a_person: Invalid,
    locked: StudyNotOpen,
    one_short: OutOfOrder,
    another_order: OutOfOrder,
    another_readers: OutOfOrder,
    inconsistent: Invalid,
    two_at_once: Invalid,
    backwards: Invalid,
    before_the_opening: Invalid,
    in_the_future: Invalid,
}


@pytest.mark.parametrize("fault", REFUSED, ids=lambda fault: fault.__name__)
def test_what_breaks_a_rule_is_refused_whole(fault, reader):
    reader, readings = fault(reader, readings_of(reader))
    with pytest.raises(REFUSED[fault]):
        submit_simulated(reader=reader, readings=readings)
    assert not Reading.objects.exists()
    assert not Presentation.objects.exists()


def test_a_study_with_a_washout_is_not_simulated():
    reader = reader_of(make_study(washout_days=1))
    with pytest.raises(Invalid, match="washout"):
        submit_simulated(reader=reader, readings=readings_of(reader))
    assert not Reading.objects.exists()


def test_stage_2_is_not_simulated_without_the_models_result(reader, monkeypatch):
    monkeypatch.setattr("readerstudy.reading.blinding.predictions_of", lambda *_, **__: {})
    with pytest.raises(AidMissing):
        submit_simulated(reader=reader, readings=readings_of(reader))
    assert not Reading.objects.exists()


def test_nothing_is_stored_twice(reader):
    readings = readings_of(reader)
    submit_simulated(reader=reader, readings=readings)
    with pytest.raises(OutOfOrder):
        submit_simulated(reader=reader, readings=readings)
    assert Reading.objects.count() == 6


def test_what_was_read_one_by_one_stands_and_the_rest_comes_after_it(reader):
    first = factories.read_next(reader, Etiology.TUBERCULOUS)
    early = readings_of(reader, since=first.submitted_at - timedelta(seconds=1))
    with pytest.raises(Invalid):
        submit_simulated(reader=reader, readings=early)
    now = timezone.now()
    late = [replace(r, started_at=now, submitted_at=now) for r in readings_of(reader)]
    submit_simulated(reader=reader, readings=late)
    assert Reading.objects.count() == 6
    assert Reading.objects.get(pk=first.pk).etiology == Etiology.TUBERCULOUS


class TestOpeningInThePast:
    def test_is_for_synthetic_studies(self):
        study = factories.make_draft(cases=1)
        with pytest.raises(lifecycle.StepNotPossible, match="synthetic"):
            lifecycle.open_study(study, by="test", at=timezone.now() - MINUTE)
        assert not Assignment.objects.exists()

    def test_is_not_for_the_future(self):
        with pytest.raises(lifecycle.StepNotPossible, match="future"):
            make_study(days_ago=-1)
        assert not Assignment.objects.exists()

    def test_is_seen_in_the_protocol_and_the_log(self):
        study = make_study()
        assert study.protocol.frozen_at == study.opened_at < timezone.now() - timedelta(days=1)
        event = AuditEvent.objects.get(action="study.open")
        assert event.detail["as_of"] == study.opened_at.isoformat()
        assert event.at > study.opened_at + timedelta(days=1)
