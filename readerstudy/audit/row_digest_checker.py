"""Rows of one kind, held against the events that witness them (``row_digests.py``)."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from django.db.models import QuerySet

from readerstudy.audit.id_bitset import IdBitSet
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.row_checker import Checker, Problem
from readerstudy.audit.row_digests import DocumentRow, EvidenceKind, batched, is_digest
from readerstudy.audit.unreadable import UNREADABLE, event_time_text, unreadable_problem

SINGLES = 200  # read by one query
HIGHEST = 2**40


@dataclass(frozen=True)
class _Block:
    """What an event says of the rows from one id to another."""

    event: int
    study: str
    first: int
    last: int
    count: int
    sha256: str


class RowDigestChecker(Checker):
    """Every row of a study is as its event says; none was put in since they were recorded."""

    def __init__(self, kind: EvidenceKind, *, study: str = "", keyed: bool = True):
        super().__init__(study=study)
        self.rows, self.kind, self.keyed = kind.name, kind, keyed
        self.later: dict[str, str] = {}
        self._covered: set[str] = set()
        self._seen = IdBitSet()
        self._unnamed: list[int] = []

    def watches(self, event: AuditEvent) -> bool:
        return any(self.kind.format in _part(event, name) for name in ("evidence", "stored"))

    def check_events(self, events: Sequence[AuditEvent]) -> Iterator[Problem]:
        blocks: list[_Block] = []
        for event in events:
            if self.kind.format in _part(event, "evidence"):
                self._cover(event)
            for recorded in self._blocks_of(event):
                if block := _block(event, recorded):
                    blocks.append(block)
                else:
                    yield Problem(
                        f"event {event.number}", f"refers to {self.rows} in an unknown way"
                    )
        single = [block for block in blocks if block.count == 1]
        for study, ours in groupby(sorted(single, key=attrgetter("study")), attrgetter("study")):
            for some in batched(ours, SINGLES):
                yield from self._each(study, some)
        for block in blocks:
            if block.count != 1:
                rows = self.kind.of_studies(slug=block.study)
                rows = rows.filter(pk__gte=block.first, pk__lte=block.last)
                lines = yield from self._lines(rows)
                yield from self._check(block, lines)

    def scan_rows(self) -> None:
        rows = self.kind.of_studies(slug__in=self._covered)
        ids = rows.values_list("pk", flat=True).iterator(chunk_size=5000)
        self._unnamed = [pk for pk in ids if pk not in self._seen]

    def unmatched_rows(self) -> Iterator[Problem]:
        for pk in self._unnamed:
            if pk not in self._seen:
                yield Problem(f"{self.rows}, row {pk}", "no event has its digest: it was added")

    def unrecorded_rows(self) -> set[str]:
        """The studies under way that have such rows, and no event that would hold them all."""
        one = {"slug": self.study} if self.study else {}
        rows = self.kind.of_studies(**one)
        path = self.kind.study
        rows = rows.exclude(**{f"{path}__state": "draft"}).order_by()
        return set(rows.values_list(f"{path}__slug", flat=True).distinct()) - self._covered

    def _cover(self, event: AuditEvent) -> None:
        if event.study not in self._covered and event.detail.get("recorded_later"):
            self.later[event.study] = event_time_text(event, "%Y-%m-%d")
        self._covered.add(event.study)

    def _blocks_of(self, event: AuditEvent) -> Iterator:
        for name in ("evidence", "stored"):
            blocks = _part(event, name).get(self.kind.format)
            yield from blocks if isinstance(blocks, list) else ()

    def _each(self, study: str, blocks: Sequence[_Block]) -> Iterator[Problem]:
        rows = self.kind.of_studies(slug=study).filter(pk__in={block.first for block in blocks})
        lines = {line[0]: line for line in (yield from self._lines(rows))}
        for block in blocks:
            yield from self._check(block, [lines[block.first]] if block.first in lines else [])

    def _lines(self, rows: QuerySet) -> Generator[Problem, None, list[DocumentRow]]:
        """The documents of these rows; a row that can't be read is told, and has none."""
        try:
            return list(self.kind.lines(rows))
        except UNREADABLE:
            lines: list[DocumentRow] = []
            for pk in list(rows.values_list("pk", flat=True)):
                try:
                    lines += self.kind.lines(rows.filter(pk=pk))
                except UNREADABLE as fault:
                    yield unreadable_problem(f"{self.rows}, row {pk}", fault)
                    lines.append((pk, ""))
            return lines

    def _check(self, block: _Block, lines: list[DocumentRow]) -> Iterator[Problem]:
        self.checked += sum(not self._seen.add(pk) for pk, _document in lines)
        ids = str(block.first) if block.first == block.last else f"{block.first} to {block.last}"
        where = f"{self.rows} of {block.study}, rows {ids}"
        if len(lines) != block.count:
            fault = f"there are {len(lines)}, but event {block.event} recorded {block.count}"
            yield Problem(where, f"{fault}: a row was removed or added")
        elif self.keyed:
            same = is_digest(block.sha256, lines)
            if same is None:
                yield Problem(
                    where, f"the key for the digest of event {block.event} is not available"
                )
            elif not same:
                yield Problem(where, f"at least one was changed after event {block.event}")


def _part(event: AuditEvent, name: str) -> dict:
    part = event.detail.get(name)
    return part if isinstance(part, dict) else {}


def _block(event: AuditEvent, recorded: object) -> _Block | None:
    match recorded:
        case [int(first), int(last), int(count), str(sha256)] if 0 < first <= last < HIGHEST:
            return _Block(event.number, event.study, first, last, count, sha256)
    return None
