"""A changed row of readings, orders or the log is refused; with the triggers gone, it is found."""

import io
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import override_settings
from django.utils import timezone

from readerstudy.audit import chain
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.verification import Verdict, verify
from readerstudy.reading import trace
from readerstudy.reading.models import (
    Assignment,
    Presentation,
    Reader,
    Reading,
    ReadingOrder,
    Trace,
)
from readerstudy.reading.sequence import current_assignment
from readerstudy.reading.submission import record_presentation, submit_reading
from readerstudy.reading.submitted_answer import Answer
from readerstudy.studies.models import Protocol
from tests import factories
from tests.rules import tampering
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases, pytest.mark.usefixtures("study")]
TABLES = (Reading, Trace, ReadingOrder, Assignment, AuditEvent)
TOLD = {"active_ms": 900, "elapsed_ms": 1500, "events": [[5, "shown", "bus"]], "exposure": []}


@shared
def study():
    """Two readers of two cases, with three readings; a trace beside each."""
    study = factories.make_open(cases=2)
    for code in ("R1", "R1", "R2"):
        read(Reader.objects.select_related("study__protocol", "user").get(code=code))
    record("account.sign_in", actor="anna", target="first", detail={"share": 0.25, "whole": 1e16})
    return study


def read(reader: Reader) -> None:
    assignment = current_assignment(reader)
    record_presentation(assignment)
    told = trace.parse_trace(TOLD | {"submitted_at": timezone.now().isoformat()})
    answer = Answer(malignancy="benign", etiology="reactive_hyperplasia")
    submit_reading(reader=reader, code=assignment.code, key=uuid4(), answer=answer, trace_data=told)


def columns() -> list:
    found = [(model, field.attname) for model in TABLES for field in model._meta.concrete_fields]
    # A showing is held against its reading; of the frozen protocol, what was frozen.
    found += [(Presentation, "at"), (Presentation, "assignment_id")]
    kept = {"id", "study_id"}
    found += [
        (Protocol, f.attname) for f in Protocol._meta.concrete_fields if f.attname not in kept
    ]
    return [pytest.param(m, name, id=f"{m.__name__}.{name}") for m, name in found]


def row_of(model: type[models.Model]) -> models.Model:
    """Neither the first nor the last row, where there are enough."""
    rows = list(model.objects.order_by("pk"))
    return rows[len(rows) // 2]


def after(tamper) -> Verdict:
    """What a verification finds once the guards are gone and this was done; then it is undone."""
    with transaction.atomic():
        tampering.drop_guards()
        try:
            with transaction.atomic():
                tamper()
        except DatabaseError:  # a constraint that stands without any trigger
            return Verdict(found=1)
        finally:
            verdict = verify()
            transaction.set_rollback(True)
    return verdict


def test_a_log_and_rows_that_nobody_touched_are_sound(study):
    verdict = verify()
    assert verdict.problems == []
    assert verdict.number == AuditEvent.objects.count() > 4
    told = {name: verdict.rows[name] for name in ("readings", "cases shown", "orders")}
    assert told == {"readings": 3, "cases shown": 3, "orders": 4}


@pytest.mark.parametrize(("model", "column"), columns())
def test_a_changed_column_is_refused_or_found(model, column):
    row, field = row_of(model), next(f for f in model._meta.fields if f.attname == column)
    with pytest.raises(DatabaseError), transaction.atomic():
        tampering.change(row, field)
    assert not after(lambda: tampering.change(row, field)).is_sound


@pytest.mark.parametrize("model", [*TABLES, Presentation, Protocol])
def test_a_deleted_row_is_refused_or_found(model):
    for row in model.objects.filter(pk__in=_with_a_witness(model)):
        with pytest.raises(DatabaseError), transaction.atomic():
            tampering.delete(row)
        last = model is AuditEvent and row.number == chain.last_event()[0]
        head = [(row.number, row.sha256)] if last else []
        with transaction.atomic():
            tampering.drop_guards()
            tampering.delete(row)
            assert not verify(heads=head).is_sound, row
            transaction.set_rollback(True)


def _with_a_witness(model) -> list[int]:
    rows = model.objects.order_by("pk")
    rows = rows.filter(assignment__reading__isnull=False) if model is Presentation else rows
    return list(rows.values_list("pk", flat=True))


@pytest.mark.parametrize("model", TABLES)
def test_two_rows_that_changed_places_are_refused_or_found(model):
    one, other = model.objects.order_by("pk")[:2]
    with pytest.raises(DatabaseError), transaction.atomic():
        tampering.swap(one, other)
    verdict = after(lambda: tampering.swap(one, other))
    assert verdict.problems


def test_a_reading_put_in_is_found():
    assignment = Assignment.objects.filter(reading__isnull=True).first()
    now = timezone.now()
    Presentation.objects.create(assignment=assignment, at=now)
    reading = Reading.objects.create(
        assignment=assignment, malignancy="malignant", etiology="lymphoma",
        idempotency_key=uuid4(), started_at=now, submitted_at=now,
    )  # fmt: skip
    [problem] = verify().problems
    assert problem.where.startswith(f"reading {reading.pk} (study {assignment.reader.code} stage")
    assert "it was added" in problem.what


def test_a_trace_put_in_is_found(study):
    factories.read_next(study.reader_set.get(code="R2"))
    assert verify().is_sound
    reading = Reading.objects.get(trace__isnull=True)
    Trace.objects.create(reading=reading, events=[], exposure=[])
    [problem] = verify().problems
    assert "its trace was added" in problem.what


def test_an_assignment_put_in_is_found(study):
    case = factories.make_draft("other", readers=("zoe",)).cohort_set.first().case_set.first()
    Assignment.objects.create(
        reader=study.reader_set.first(), case=case, stage=1, position=3, code="f" * 16
    )
    [problem] = verify().problems
    assert problem.where == "order of R1 stage 1 in study"
    assert "3 positions, but 2 were drawn" in problem.what


def test_an_event_put_in_without_the_key_is_found():
    with override_settings(AUDIT_KEYS=["somebody else's key"]):
        record("account.sign_in", actor="boris")
    [problem] = verify().problems
    assert "without the key" in problem.what
    assert verify(keyed=False).is_sound


def test_a_log_chained_anew_is_found_by_its_seals_or_a_head():
    events = list(AuditEvent.objects.order_by("number"))
    head = (events[-1].number, events[-1].sha256)
    tampering.drop_guards()
    previous = events[0].sha256
    for event in events[1:]:
        event.actor = "boris" if event.number == 2 else event.actor
        event.previous_sha256 = previous
        previous = event.sha256 = chain.digest_of(event)
        event.save()
    assert verify(keyed=False).is_sound  # all that the database alone can tell
    assert verify().problems[0].where.startswith("event 2 ")
    assert not verify(keyed=False, heads=[head]).is_sound


def test_the_first_bad_link_is_named():
    tampering.drop_guards()
    AuditEvent.objects.filter(number=2).update(actor="boris")
    assert str(verify().problems[0]).startswith("event 2 (")
    AuditEvent.objects.filter(number=2)._raw_delete("default")
    assert str(verify().problems[0]) == "event 2: is missing: it was removed"


def test_a_study_is_verified_by_itself(study):
    tampering.drop_guards()
    Reading.objects.filter(pk=row_of(Reading).pk).update(etiology="tuberculous_lymphadenitis")
    other = factories.make_open("other", cases=1, readers=("zoe",))
    assert verify(study=other.slug).is_sound
    assert not verify(study=study.slug).is_sound


def test_readings_from_before_there_were_witnesses_can_be_adopted(study):
    tampering.drop_guards()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditevent")
    assert verify().found == 4  # three readings, and the study's orders
    call_command("witness_rows", study.slug, "--by", "admin", stdout=io.StringIO())
    assert verify().is_sound
    with pytest.raises(CommandError, match="already has the digests of its rows"):
        call_command("witness_rows", study.slug)
    Reading.objects.filter(pk=row_of(Reading).pk).update(etiology="tuberculous_lymphadenitis")
    assert not verify().is_sound
