"""Readings and orders, held against the audit events that witness them (``audit_digests.py``)."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet

from readerstudy.audit.id_bitset import IdBitSet
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.row_checker import Checker, Problem
from readerstudy.audit.unreadable import UNREADABLE, rows_of, unreadable_problem
from readerstudy.reading import audit_digests, study_opening
from readerstudy.reading.models import Assignment, Reader, Reading, ReadingOrder, Stage
from readerstudy.reading.randomisation import CaseKey, draw_order, order_digest
from readerstudy.studies.models import Protocol, Study

BATCH = 200  # a trace may be long


class ReadingChecker(Checker):
    """Every reading has exactly one event, which has the digest of its row and of its trace's."""

    rows = "readings"
    actions = frozenset({"reading.submit", "reading.simulate", "reading.witness"})

    def __init__(self, *, study: str = ""):
        super().__init__(study=study)
        self._seen = IdBitSet()
        self._unnamed: list[int] = []

    def check_events(self, events: Sequence[AuditEvent]) -> Iterator[Problem]:
        single = [event for event in events if _is_id(event.detail.get("reading"))]
        for start in range(0, len(single), BATCH):
            yield from self._each(single[start : start + BATCH])
        for event in events:
            if _is_id(event.detail.get("first")) and _is_id(event.detail.get("last")):
                yield from self._many(event)

    def scan_rows(self) -> None:
        rows = Reading.objects.order_by("pk")
        if self.study:
            rows = rows.filter(assignment__reader__study__slug=self.study)
        ids = rows.values_list("pk", flat=True).iterator(chunk_size=5000)
        self._unnamed = [pk for pk in ids if pk not in self._seen]

    def unmatched_rows(self) -> Iterator[Problem]:
        for pk in self._unnamed:
            if pk not in self._seen:
                where = _places(Reading.objects.filter(pk=pk))[0]
                yield Problem(where, "no event has its digest: it was added")

    def _each(self, events: list[AuditEvent]) -> Iterator[Problem]:
        ids = [event.detail["reading"] for event in events]
        rows = Reading.objects.filter(pk__in=ids)
        found = rows_of(rows.select_related("trace", "assignment__presentation"))
        for event, pk in zip(events, ids, strict=True):
            where = f"reading {pk} ({event.study} {event.target})"
            self.checked += 1
            if self._seen.add(pk):
                yield Problem(where, f"event {event.number} records it a second time")
            elif pk not in found:
                yield Problem(where, f"is missing: it was removed after event {event.number}")
            elif isinstance(row := found[pk], Exception):
                yield unreadable_problem(where, row)
            else:
                for fault in _faults(row, event.detail):
                    yield Problem(where, f"{fault} after event {event.number}")

    def _many(self, event: AuditEvent) -> Iterator[Problem]:
        where = f"readings of {event.target} in {event.study}"
        reader = Reader.objects.filter(study__slug=event.study, code=event.target).first()
        if reader is None:
            yield Problem(where, f"there is no such reader, but event {event.number} refers to one")
            return
        rows = audit_digests.iter_readings_with_traces(
            reader, first=event.detail["first"], last=event.detail["last"]
        )
        try:
            found = audit_digests.readings_digest(self._marked(rows))
        except UNREADABLE as fault:
            self._mark_all(reader, first=event.detail["first"], last=event.detail["last"])
            yield unreadable_problem(f"{where}, at least one of them", fault)
            return
        self.checked += found["readings"]
        recorded = {name: event.detail.get(name) for name in found}
        if found["readings"] != recorded["readings"]:
            yield Problem(
                where,
                f"there are {found['readings']}, but event {event.number} recorded "
                f"{recorded['readings']}",
            )
        elif found != recorded:
            yield Problem(where, f"at least one was changed after event {event.number}")

    def _marked(self, rows) -> Iterator:
        for row in rows:
            self._seen.add(row[0].pk)
            yield row

    def _mark_all(self, reader: Reader, *, first: int, last: int) -> None:
        rows = Reading.objects.filter(assignment__reader=reader, pk__gte=first, pk__lte=last)
        for pk in rows.values_list("pk", flat=True).iterator(chunk_size=5000):
            self._seen.add(pk)


class PresentationChecker(Checker):
    """A reading begins when its case was first shown: the two rows say the same."""

    rows = "cases shown"

    def check_events(self, events: Sequence[AuditEvent]) -> Iterator[Problem]:
        yield from ()

    def scan_rows(self) -> None:
        """Nothing that an event would name."""
        self.checked = self._readings().count()

    def unmatched_rows(self) -> Iterator[Problem]:
        rows = self._readings().exclude(assignment__presentation__at=F("started_at"))
        for where in _places(rows):
            yield Problem(
                where,
                "its case was not first shown at the time that it states: the record of "
                "the showing was changed or removed",
            )

    def _readings(self) -> QuerySet[Reading]:
        rows = Reading.objects.all()
        return rows.filter(assignment__reader__study__slug=self.study) if self.study else rows


class OrderChecker(Checker):
    """Each order and its assignments are as they were drawn, and what was frozen still is."""

    rows = "orders"
    actions = frozenset({"study.open", "study.witness"})

    def __init__(self, *, study: str = ""):
        super().__init__(study=study)
        self._seen: set[str] = set()
        self._unnamed: set[str] = set()

    def check_events(self, events: Sequence[AuditEvent]) -> Iterator[Problem]:
        for event in events:
            recorded = event.detail.get("orders")
            if isinstance(recorded, dict):
                self._seen.add(event.study)
                yield from self._study(event, recorded)

    def scan_rows(self) -> None:
        rows = Study.objects.exclude(state=Study.State.DRAFT)
        rows = rows.filter(slug=self.study) if self.study else rows
        self._unnamed = set(rows.values_list("slug", flat=True)) - self._seen

    def unmatched_rows(self) -> Iterator[Problem]:
        for slug in sorted(self._unnamed - self._seen):
            yield Problem(f"study {slug}", "no event has the digests of its reading orders")

    def _study(self, event: AuditEvent, recorded: dict[str, str]) -> Iterator[Problem]:
        rows = rows_of(Study.objects.filter(slug=event.study).select_related("protocol"))
        study = next(iter(rows.values()), None)
        if study is None:
            yield Problem(f"study {event.study}", f"is missing; event {event.number} opened it")
            return
        if isinstance(study, Exception):
            yield unreadable_problem(f"study {event.study}", study)
            return
        found = audit_digests.order_digests(study)
        self.checked += len(found)
        for name in sorted(found.keys() | recorded.keys()):
            if name not in found:
                fault = "is missing: it was removed"
            elif name not in recorded:
                fault = "was added"
            else:
                fault = found[name] != recorded[name] and _order_fault(study, name)
            if fault:
                yield Problem(f"order of {name} in {study.slug}", f"{fault} ({_event(event)})")
        for fault in _frozen_faults(study, event.detail.get("protocol")):
            yield Problem(f"study {study.slug}", f"{fault} ({_event(event)})")


def _places(rows: QuerySet[Reading]) -> list[str]:
    """Which readings these are, for people."""
    of = rows.values_list(
        "pk",
        "assignment__reader__study__slug",
        "assignment__reader__code",
        "assignment__stage",
        "assignment__position",
    )
    return [
        f"reading {pk} ({study} {code} stage {stage} place {position})"
        for pk, study, code, stage, position in of
    ]


def _faults(row: Reading, recorded: dict[str, Any]) -> Iterator[str]:
    if audit_digests.digest_of_reading(row) != recorded.get("sha256"):
        yield "was changed"
    trace = getattr(row, "trace", None)
    if (trace and audit_digests.digest_of_trace(trace)) != recorded.get("trace"):
        change = "changed" if trace and recorded.get("trace") else "added" if trace else "removed"
        yield f"its trace was {change}"


def _order_fault(study: Study, name: str) -> str:
    """What is wrong with an order whose digest is not that of its event."""
    code, _, stage = name.rpartition(" stage ")
    order = ReadingOrder.objects.filter(reader__study=study, reader__code=code, stage=stage).first()
    if order is None or not hasattr(study, "protocol"):
        return "the row of its draw was removed"
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
            return f"was changed: from position {min(found[0], due[0])} on it is not as drawn"
    return f"was changed: it has {len(rows)} positions, but {len(drawn)} were drawn"


def _drawn_from(study: Study) -> Iterator[CaseKey]:
    for cohort, case, *_image in json.loads(study.protocol.frozen_document)["images"]:
        yield CaseKey(cohort, case)


def _frozen_faults(study: Study, recorded: str | None) -> Iterator[str]:
    """Where the frozen document, its hash, the event and today's rows differ."""
    protocol = getattr(study, "protocol", None)
    if protocol is None:
        yield "its protocol is missing"
        return
    digest = hashlib.sha256(protocol.frozen_document.encode()).hexdigest()
    if protocol.frozen_sha256 != recorded:
        yield "the protocol's hash was changed"
    if digest != recorded:
        yield "the frozen protocol was changed"
        return
    if study.opened_at is None:
        yield "it has no opening time"
        return
    frozen = json.loads(protocol.frozen_document)
    orders = ReadingOrder.objects.filter(reader__study=study).select_related("reader")
    try:
        now = json.loads(json.dumps(study_opening.frozen_document(study, list(orders))))
    except UNREADABLE as fault:
        yield f"the frozen protocol is missing, or {unreadable_problem('', fault).what}"
        return
    frozen["opened_at"] = datetime.fromisoformat(frozen["opened_at"])
    now["opened_at"] = study.opened_at
    if protocol.frozen_at != frozen["opened_at"]:
        yield "the time of the freezing differs from that in the document"
    for name in _differing(frozen, now):
        yield f"{name} in the database differs from the frozen protocol"


def _differing(frozen: dict, now: dict, prefix: str = "") -> Iterator[str]:
    """Names under which both say something, and not the same, whatever order rows come in."""
    for name in sorted(frozen.keys() & now.keys()):
        was, this = frozen[name], now[name]
        if isinstance(was, dict) and isinstance(this, dict):
            yield from _differing(was, this, f"{prefix}{name}.")
        elif _sorted(was) != _sorted(this):
            yield f"{prefix}{name}"


def _sorted(value: Any) -> Any:
    """Rows in one order. A list of single values, as of two dates, is no list of rows."""
    is_rows = isinstance(value, list) and all(isinstance(each, list | dict) for each in value)
    return sorted(map(json.dumps, value)) if is_rows else value


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**40


def _event(event: AuditEvent) -> str:
    return f"event {event.number}"
