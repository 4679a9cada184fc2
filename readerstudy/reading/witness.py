"""What the audit log holds of orders and readings, so that neither can be changed unseen.

A reading's event has the digest of its whole row and of its trace's; the event of a study's
opening, those of every order with its assignments, and of the frozen document. Readings that are
stored many at a time have one event with one digest over all. ``checkers.py`` holds the rows
against the events.

Nobody learns a sealed diagnosis from a digest: each row holds a random key, drawn for it alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from readerstudy.audit.canonical import canonical, plain, row_digest
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.cohorts.models import Study
from readerstudy.reading.models import Assignment, Reader, Reading, ReadingOrder, Trace

BATCH = 500
_COLUMNS = [field.attname for field in Assignment._meta.concrete_fields]
_NAMES = ["case__cohort__name", "case__case_id"]  # which a digest of ids alone would not hold


class Witnessed(Exception):
    """The rows of this study have their events already."""


def of_reading(reading: Reading, trace: Trace | None) -> dict[str, Any]:
    """The detail of a submit's event."""
    return {
        "reading": reading.pk,
        "sha256": row_digest(reading),
        "trace": trace and row_digest(trace),
    }


def of_readings(readings: Iterable[tuple[Reading, Trace | None]]) -> dict[str, Any]:
    """The detail of one event for readings that one reader has from the first to the last id."""
    lines, first, last, count = hashlib.sha256(), None, None, 0
    for reading, trace in readings:
        lines.update(f"{row_digest(reading)} {row_digest(trace) if trace else '-'}\n".encode())
        first, last, count = first or reading.pk, reading.pk, count + 1
    return {"readings": count, "first": first, "last": last, "sha256": lines.hexdigest()}


def readings_of(
    reader: Reader, *, first: int = 0, last: int = 2**62
) -> Iterator[tuple[Reading, Trace | None]]:
    """A reader's readings from one id to another, with their traces, as ``of_readings`` wants."""
    rows = Reading.objects.filter(assignment__reader=reader, pk__gte=first, pk__lte=last)
    for row in rows.select_related("trace").order_by("pk").iterator(chunk_size=BATCH):
        yield row, getattr(row, "trace", None)


def of_orders(study: Study) -> dict[str, str]:
    """By reader and stage, the digest of the order's row and of all its assignments' rows."""
    orders = {
        (order.reader.code, order.stage): hashlib.sha256(row_digest(order).encode())
        for order in ReadingOrder.objects.filter(reader__study=study).select_related("reader")
    }
    for code, stage, *row in _assignments(study).iterator(chunk_size=BATCH):
        digest = orders.setdefault((code, stage), hashlib.sha256(b"no order"))
        digest.update(canonical(plain(row)).encode())
    return {order_name(*key): digest.hexdigest() for key, digest in sorted(orders.items())}


def order_name(code: str, stage: int) -> str:
    """How an event names an order."""
    return f"{code} stage {stage}"


@transaction.atomic
def adopt(study: Study, *, by: str) -> None:
    """Witness the rows of a study that have no event: those from before there were witnesses, or
    that came with the bundle of another site. From now on they can't be changed unseen.

    Raises Witnessed where the study has such events.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    events = AuditEvent.objects.filter(study=study.slug, outcome=AuditEvent.Outcome.DONE)
    opened = events.filter(action__in=["study.open", "study.witness"])
    read = events.filter(action__in=["reading.submit", "reading.simulate", "reading.witness"])
    has_digests = opened.filter(detail__has_key="orders") | read.filter(detail__has_key="sha256")
    if has_digests.exists():
        raise Witnessed(f"{study}: its rows are witnessed by events of this log already.")
    for reader in Reader.objects.filter(study=study).order_by("code"):
        detail = of_readings(readings_of(reader))
        if detail["readings"]:
            record("reading.witness", actor=by, study=study.slug, target=reader.code, detail=detail)
    record("study.witness", actor=by, study=study.slug, detail=of_opening(study))


def of_opening(study: Study) -> dict[str, Any]:
    """The detail of an opening's event."""
    return {"protocol": study.protocol.frozen_sha256, "orders": of_orders(study)}


def _assignments(study: Study) -> QuerySet:
    rows = Assignment.objects.filter(reader__study=study)
    rows = rows.order_by("reader__code", "stage", "position", "pk")
    return rows.values_list("reader__code", "stage", *_COLUMNS, *_NAMES)
