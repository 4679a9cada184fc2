"""What the audit log holds of a study, so that nothing of it can be changed unseen.

A reading's event has the digest of its row and of its trace's; the event of a study's opening,
those of every order with its assignments, and of the frozen document. Readings that are stored many
at a time have one event with one digest over all. ``audit_checkers.py`` holds the rows against the
events. All other rows of a study are digested as ``audit/row_digests.py`` says.

Nobody learns a sealed diagnosis from a digest: each row holds a random key, drawn for it alone.
The columns are named here: the digests of rows that were stored must stay what they are, whatever
columns a model gets. A row with more of them needs another list, which its event names.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from readerstudy.audit import row_digests
from readerstudy.audit.canonical import canonical_json, row_digest, to_plain
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.reading.models import Assignment, Reader, Reading, ReadingOrder, Trace
from readerstudy.studies.models import Membership, Study

BATCH = 500
READING = (
    "id",
    "assignment_id",
    "malignancy",
    "etiology",
    "confidence",
    "quality_problem",
    "quality_note",
    "trust",
    "usefulness",
    "idempotency_key",
    "started_at",
    "submitted_at",
)
TRACE = (
    "id",
    "reading_id",
    "active_ms",
    "elapsed_ms",
    "client_submitted_at",
    "events",
    "exposure",
    "flags",
)
ORDER = ("id", "reader_id", "stage", "seed", "algorithm", "stratification", "order_sha256")
ASSIGNMENT = ("id", "reader_id", "case_id", "stage", "position", "code")
_NAMES = ["case__cohort__name", "case__case_id"]  # which a digest of ids alone would not hold
_TIMES = ("opened_at", "locked_at", "unblinded_at", "archived_at")


class AlreadyRecorded(Exception):
    """The rows of this study have their events already."""


def digest_of_reading(reading: Reading) -> str:
    return row_digest(reading, READING)


def digest_of_trace(trace: Trace) -> str:
    return row_digest(trace, TRACE)


def reading_digest(reading: Reading, trace: Trace | None) -> dict[str, Any]:
    """The detail of a submit's event."""
    return {
        "reading": reading.pk,
        "sha256": digest_of_reading(reading),
        "trace": trace and digest_of_trace(trace),
    }


def readings_digest(readings: Iterable[tuple[Reading, Trace | None]]) -> dict[str, Any]:
    """The detail of one event for readings that one reader has from the first to the last id."""
    lines, first, last, count = hashlib.sha256(), None, None, 0
    for reading, trace in readings:
        of_trace = digest_of_trace(trace) if trace else "-"
        lines.update(f"{digest_of_reading(reading)} {of_trace}\n".encode())
        first, last, count = first or reading.pk, reading.pk, count + 1
    return {"readings": count, "first": first, "last": last, "sha256": lines.hexdigest()}


def iter_readings_with_traces(
    reader: Reader, *, first: int = 0, last: int = 2**62
) -> Iterator[tuple[Reading, Trace | None]]:
    """A reader's readings from one id to another, with their traces, as ``readings_digest``
    wants."""
    rows = Reading.objects.filter(assignment__reader=reader, pk__gte=first, pk__lte=last)
    for row in rows.select_related("trace").order_by("pk").iterator(chunk_size=BATCH):
        yield row, getattr(row, "trace", None)


def order_digests(study: Study) -> dict[str, str]:
    """By reader and stage, the digest of the order's row and of all its assignments' rows."""
    orders = {
        (order.reader.code, order.stage): hashlib.sha256(row_digest(order, ORDER).encode())
        for order in ReadingOrder.objects.filter(reader__study=study).select_related("reader")
    }
    for code, stage, *row in _assignments(study).iterator(chunk_size=BATCH):
        digest = orders.setdefault((code, stage), hashlib.sha256(b"no order"))
        digest.update(canonical_json(to_plain(row)).encode())
    return {order_name(*key): digest.hexdigest() for key, digest in sorted(orders.items())}


def order_name(code: str, stage: int) -> str:
    """How an event names an order."""
    return f"{code} stage {stage}"


@transaction.atomic
def record_existing(study: Study, *, by: str) -> None:
    """Witness the rows of a study that have no event: those from before there were witnesses, or
    that came with the bundle of another site. From now on they can't be changed unseen.

    Raises AlreadyRecorded where nothing is left to record.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    events = AuditEvent.objects.filter(study=study.slug, outcome=AuditEvent.Outcome.DONE)
    opened = events.filter(action__in=["study.open", "study.witness"])
    read = events.filter(action__in=["reading.submit", "reading.simulate", "reading.witness"])
    has_readings = read.filter(detail__has_key="sha256").exists()
    has_orders = has_readings or opened.filter(detail__has_key="orders").exists()
    known = opened.filter(detail__has_key="evidence").values_list("detail__evidence", flat=True)
    formats = {format for each in known for format in each}
    left = row_digests.study_evidence(study.slug, without=formats)
    if has_orders and not left:
        raise AlreadyRecorded(f"{study}: the audit log already has the digests of its rows.")
    detail = {"recorded_later": True, "evidence": left}
    if not formats:
        detail |= {"study": state_record(study), "roles": role_record(study)}
    if not has_orders:
        _record_existing_readings(study, by=by)
        detail |= _order_rows(study)
    record("study.witness", actor=by, study=study.slug, detail=detail)


def _record_existing_readings(study: Study, *, by: str) -> None:
    for reader in Reader.objects.filter(study=study).order_by("code"):
        detail = readings_digest(iter_readings_with_traces(reader))
        if detail["readings"]:
            record("reading.witness", actor=by, study=study.slug, target=reader.code, detail=detail)


def opening_digests(study: Study) -> dict[str, Any]:
    """The detail of an opening's event."""
    rows = {"roles": role_record(study), "evidence": row_digests.study_evidence(study.slug)}
    return _order_rows(study) | rows


def role_record(study: Study) -> dict[str, str]:
    """By the id of a user, the role."""
    rows = Membership.objects.filter(study=study).order_by("user").values_list("user", "role")
    return {str(user): role for user, role in rows}


def state_record(study: Study) -> dict[str, Any]:
    """The state of the study, since when, and that it is simulated: in every step's event."""
    state = {"state": study.state, "is_synthetic": study.is_synthetic, "notice": study.notice}
    return to_plain(state | {name: getattr(study, name) for name in _TIMES})


def _order_rows(study: Study) -> dict[str, Any]:
    return {"protocol": study.protocol.frozen_sha256, "orders": order_digests(study)}


def _assignments(study: Study) -> QuerySet:
    rows = Assignment.objects.filter(reader__study=study)
    rows = rows.order_by("reader__code", "stage", "position", "pk")
    return rows.values_list("reader__code", "stage", *ASSIGNMENT, *_NAMES)
