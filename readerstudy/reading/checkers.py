"""Readings and orders, held against the audit events that witness them (``witness.py``)."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet

from readerstudy.audit.canonical import row_digest
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.verification import Checker, Problem
from readerstudy.cohorts.models import Protocol, Study
from readerstudy.reading import opening, witness
from readerstudy.reading.models import Assignment, Reader, Reading, ReadingOrder, Stage
from readerstudy.reading.randomisation import CaseKey, draw_order, order_digest

BATCH = 200  # a trace may be long


class Marks:
    """Which of many ids were seen: a bit each."""

    def __init__(self):
        self._bits = bytearray()

    def add(self, number: int) -> bool:
        """Mark it; whether it was marked before."""
        byte, bit = number >> 3, 1 << (number & 7)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte - len(self._bits) + 4096))
        was = bool(self._bits[byte] & bit)
        self._bits[byte] |= bit
        return was

    def __contains__(self, number: int) -> bool:
        byte = number >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & (1 << (number & 7)))


class Readings(Checker):
    """Every reading has exactly one event, which has the digest of its row and of its trace's."""

    rows = "readings"
    actions = frozenset({"reading.submit", "reading.simulate", "reading.witness"})

    def __init__(self, *, study: str = ""):
        super().__init__(study=study)
        self._seen = Marks()
        self._unnamed: list[int] = []

    def take(self, events: Sequence[AuditEvent]) -> Iterator[Problem]:
        single = [event for event in events if _is_id(event.detail.get("reading"))]
        for start in range(0, len(single), BATCH):
            yield from self._each(single[start : start + BATCH])
        for event in events:
            if _is_id(event.detail.get("first")) and _is_id(event.detail.get("last")):
                yield from self._many(event)

    def survey(self) -> None:
        rows = Reading.objects.order_by("pk")
        if self.study:
            rows = rows.filter(assignment__reader__study__slug=self.study)
        ids = rows.values_list("pk", flat=True).iterator(chunk_size=5000)
        self._unnamed = [pk for pk in ids if pk not in self._seen]

    def missing(self) -> Iterator[Problem]:
        rows = Reading.objects.select_related("assignment__reader__study")
        for pk in self._unnamed:
            if pk not in self._seen:
                of = rows.get(pk=pk).assignment
                where = f"reading {pk} ({of.reader.study.slug} {of.reader.code}"
                where = f"{where} stage {of.stage} place {of.position})"
                yield Problem(where, "no event has its digest: it was put in")

    def _each(self, events: list[AuditEvent]) -> Iterator[Problem]:
        ids = [event.detail["reading"] for event in events]
        rows = Reading.objects.filter(pk__in=ids)
        found = {row.pk: row for row in rows.select_related("trace", "assignment__presentation")}
        for event, pk in zip(events, ids, strict=True):
            where = f"reading {pk} ({event.study} {event.target})"
            self.checked += 1
            if self._seen.add(pk):
                yield Problem(where, f"event {event.number} is a second one of it")
            elif pk not in found:
                yield Problem(where, f"is missing: it was taken out since event {event.number}")
            else:
                for fault in _faults(found[pk], event.detail):
                    yield Problem(where, f"{fault} since event {event.number}")

    def _many(self, event: AuditEvent) -> Iterator[Problem]:
        where = f"readings of {event.target} in {event.study}"
        reader = Reader.objects.filter(study__slug=event.study, code=event.target).first()
        if reader is None:
            yield Problem(where, f"there is no such reader; event {event.number} names one")
            return
        rows = witness.readings_of(reader, first=event.detail["first"], last=event.detail["last"])
        found = witness.of_readings(self._marked(rows))
        self.checked += found["readings"]
        told = {name: event.detail.get(name) for name in found}
        if found["readings"] != told["readings"]:
            yield Problem(
                where,
                f"{found['readings']} are there where event {event.number} tells of "
                f"{told['readings']}",
            )
        elif found != told:
            yield Problem(where, f"at least one was changed since event {event.number}")

    def _marked(self, rows) -> Iterator:
        for row in rows:
            self._seen.add(row[0].pk)
            yield row


class Shown(Checker):
    """A reading begins when its case was first shown: the two rows say the same."""

    rows = "cases shown"

    def take(self, events: Sequence[AuditEvent]) -> Iterator[Problem]:
        yield from ()

    def survey(self) -> None:
        """Nothing that an event would name."""
        self.checked = self._readings().count()

    def missing(self) -> Iterator[Problem]:
        rows = self._readings().exclude(assignment__presentation__at=F("started_at"))
        for row in rows.select_related("assignment__reader__study").iterator():
            of = row.assignment
            yield Problem(
                f"reading {row.pk} ({of.reader.study.slug} {of.reader.code} stage {of.stage} "
                f"place {of.position})",
                "its case was not first shown when it says: the showing was changed or taken out",
            )

    def _readings(self) -> QuerySet[Reading]:
        rows = Reading.objects.all()
        return rows.filter(assignment__reader__study__slug=self.study) if self.study else rows


class Orders(Checker):
    """Each order and its assignments are as they were drawn, and what was frozen still is."""

    rows = "orders"
    actions = frozenset({"study.open", "study.witness"})

    def __init__(self, *, study: str = ""):
        super().__init__(study=study)
        self._seen: set[str] = set()
        self._unnamed: set[str] = set()

    def take(self, events: Sequence[AuditEvent]) -> Iterator[Problem]:
        for event in events:
            told = event.detail.get("orders")
            if isinstance(told, dict):
                self._seen.add(event.study)
                yield from self._study(event, told)

    def survey(self) -> None:
        rows = Study.objects.exclude(state=Study.State.DRAFT)
        rows = rows.filter(slug=self.study) if self.study else rows
        self._unnamed = set(rows.values_list("slug", flat=True)) - self._seen

    def missing(self) -> Iterator[Problem]:
        for slug in sorted(self._unnamed - self._seen):
            yield Problem(f"study {slug}", "no event has the digests of its orders")

    def _study(self, event: AuditEvent, told: dict[str, str]) -> Iterator[Problem]:
        study = Study.objects.filter(slug=event.study).select_related("protocol").first()
        if study is None:
            yield Problem(f"study {event.study}", f"is missing; event {event.number} opened it")
            return
        found = witness.of_orders(study)
        self.checked += len(found)
        for name in sorted(found.keys() | told.keys()):
            if name not in found:
                fault = "is missing: it was taken out"
            elif name not in told:
                fault = "was put in"
            else:
                fault = found[name] != told[name] and _order_fault(study, name)
            if fault:
                yield Problem(f"order of {name} in {study.slug}", f"{fault} ({_event(event)})")
        for fault in _frozen_faults(study, event.detail.get("protocol")):
            yield Problem(f"study {study.slug}", f"{fault} ({_event(event)})")


CHECKERS = (Readings, Shown, Orders)


def _faults(row: Reading, told: dict[str, Any]) -> Iterator[str]:
    if row_digest(row) != told.get("sha256"):
        yield "was changed"
    trace = getattr(row, "trace", None)
    if (trace and row_digest(trace)) != told.get("trace"):
        change = "changed" if trace and told.get("trace") else "put in" if trace else "taken out"
        yield f"its trace was {change}"


def _order_fault(study: Study, name: str) -> str:
    """What is wrong with an order whose digest is not that of its event."""
    code, _, stage = name.rpartition(" stage ")
    order = ReadingOrder.objects.filter(reader__study=study, reader__code=code, stage=stage).first()
    if order is None or not hasattr(study, "protocol"):
        return "the row of its draw was taken out"
    places = Assignment.objects.filter(reader_id=order.reader_id, stage=stage).order_by("position")
    rows = [
        (place, CaseKey(cohort, case))
        for place, cohort, case in places.values_list(
            "position", "case__cohort__name", "case__case_id"
        )
    ]
    if order_digest([key for _place, key in rows]) == order.order_sha256:
        return "a row of it was changed: not the cases, but an id, a code or how it was drawn"
    sequential = study.protocol.design == Protocol.Design.SEQUENTIAL
    drawn = draw_order(
        cases=sorted(set(_drawn_from(study))),
        seed=order.seed,
        reader=code,
        stage=Stage.UNAIDED if sequential else order.stage,
        stratify=order.stratification.get("by_cohort", False),
    )
    return _first_fault(rows, list(enumerate(drawn, start=1)))


def _first_fault(rows: list, drawn: list) -> str:
    for found, due in zip(rows, drawn, strict=False):
        if found != due:
            return f"was changed: from place {min(found[0], due[0])} on it is not as drawn"
    return f"was changed: it has {len(rows)} places where {len(drawn)} were drawn"


def _drawn_from(study: Study) -> Iterator[CaseKey]:
    for cohort, case, *_image in json.loads(study.protocol.frozen_document)["images"]:
        yield CaseKey(cohort, case)


def _frozen_faults(study: Study, told: str | None) -> Iterator[str]:
    """Where the frozen document, its hash, the event and today's rows differ."""
    protocol = getattr(study, "protocol", None)
    if protocol is None:
        yield "its protocol is missing"
        return
    digest = hashlib.sha256(protocol.frozen_document.encode()).hexdigest()
    if protocol.frozen_sha256 != told:
        yield "the protocol's hash was changed"
    if digest != told:
        yield "the frozen protocol was changed"
        return
    frozen = json.loads(protocol.frozen_document)
    orders = ReadingOrder.objects.filter(reader__study=study).select_related("reader")
    now = json.loads(json.dumps(opening.frozen_document(study, list(orders))))
    frozen["opened_at"] = datetime.fromisoformat(frozen["opened_at"])
    now["opened_at"] = study.opened_at
    if protocol.frozen_at != frozen["opened_at"]:
        yield "the time of the freezing is not the document's"
    for name in _differing(frozen, now):
        yield f"{name} in the database is not what the protocol froze"


def _differing(frozen: dict, now: dict, prefix: str = "") -> Iterator[str]:
    """Names under which both say something, and not the same, whatever order rows come in."""
    for name in sorted(frozen.keys() & now.keys()):
        was, this = frozen[name], now[name]
        if isinstance(was, dict) and isinstance(this, dict):
            yield from _differing(was, this, f"{prefix}{name}.")
        elif _sorted(was) != _sorted(this):
            yield f"{prefix}{name}"


def _sorted(value: Any) -> Any:
    return sorted(map(json.dumps, value)) if isinstance(value, list) else value


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**40


def _event(event: AuditEvent) -> str:
    return f"event {event.number}"
