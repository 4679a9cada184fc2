"""Look for tampering: the chain from its first event to its last, then the rows it witnesses.

What is found, and by what:
- an event that was changed, taken out, put in or moved: by its digest, its number and the next
  event's link; chained anew over all that follow: by the seals (not without the key);
- the end of the log cut off: by the note outside the database (``chain_head_file.py``), or a head
  on paper;
- a row that was changed, taken out or put in: by the event that holds its digest.
- a row that was spoilt, so that it can't be read: named as that, and all others are looked at.
Not found: what somebody does who has the database, the key and the note, unless a head was
written down before. A verdict names what it looked at and what it did not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from readerstudy.audit import chain, chain_head_file, row_digests
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.row_checker import Checker, Problem
from readerstudy.audit.row_digest_checker import RowDigestChecker
from readerstudy.audit.unreadable import (
    UNREADABLE,
    event_time_text,
    events_of,
    unreadable_problem,
    with_unreadable,
)

BATCH = 1000
MAX_PROBLEMS = 100


@dataclass
class Verdict:
    """What a verification looked at and found; ``problems`` holds the first ``MAX_PROBLEMS``.

    ``unseen`` names, in sentences without an end, what it did not look at, and ``later`` what it
    looked at only since a day.
    """

    number: int = 0
    sha256: str = ""
    keyed: bool = True
    found: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with what was looked at."""
        return self.found == 0

    def sentences(self) -> Iterator[str]:
        """For people: what was looked at, what was not, and what that says."""
        rows = ", ".join(f"{count} {name}" for name, count in self.rows.items())
        yield f"Checked: {self.number} events, {rows}."
        yield f"Not checked: {'; '.join(self.unseen)}."
        yield from (f"{each}." for each in self.later)
        if self.is_sound:
            yield "No tampering was found in what was checked."
        else:
            yield f"Problems: {self.found}."

    @property
    def head(self) -> str:
        """The last event, as it is written down: NUMBER:SHA-256."""
        return f"{self.number}:{self.sha256}"

    def add(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.found += 1
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(problem)


_CHECKERS: list[type[Checker]] = []


def register_checker(checker: type[Checker]) -> type[Checker]:
    """Have these rows checked as well: called by the app that owns them, when it is ready."""
    if checker not in _CHECKERS:
        _CHECKERS.append(checker)
    return checker


def verify(
    *,
    study: str = "",
    heads: Sequence[tuple[int, str]] = (),
    keyed: bool = True,
    progress: Callable[[int], None] = lambda number: None,
) -> Verdict:
    """Verify the whole chain, and the rows of one study or of all.

    ``heads`` are (number, digest) of events that are known to have been there. Without ``keyed``
    the seals are not looked at, as where the key is not.
    """
    verdict = Verdict(keyed=keyed)
    checkers: list[Checker] = [checker(study=study) for checker in _CHECKERS]
    checkers += [RowDigestChecker(kind, study=study, keyed=keyed) for kind in row_digests.kinds()]
    walk = _Walk(verdict, checkers, known=_known(heads, verdict), progress=progress)
    walk.on()
    for checker in checkers:
        verdict.add(with_unreadable(checker.rows, _survey(checker)))
    walk.on()
    walk.end()
    for checker in checkers:
        verdict.add(with_unreadable(checker.rows, checker.unmatched_rows()))
        verdict.rows[checker.rows] = checker.checked
    _sum_up(verdict, checkers, study=study)
    return verdict


def _survey(checker: Checker) -> Iterator[Problem]:
    checker.scan_rows()
    yield from ()


def _sum_up(verdict: Verdict, checkers: list[Checker], *, study: str) -> None:
    """Say what was not looked at, and what only since a day."""
    unrecorded: dict[str, list[str]] = {}
    later: dict[tuple[str, str], list[str]] = {}
    for checker in checkers:
        for slug in checker.unrecorded_rows():
            unrecorded.setdefault(slug, []).append(checker.rows)
        for slug, day in checker.later.items():
            later.setdefault((slug, day), []).append(checker.rows)
    if not verdict.keyed:
        names = ", ".join(kind.name for kind in row_digests.kinds())
        verdict.unseen.append(f"the seals, and the content of {names}: the key is not available")
    verdict.unseen += [
        f"{', '.join(names)} of study {slug}, which was opened before the log held digests "
        f"(manage.py witness_rows {slug} records them as they are now)"
        for slug, names in sorted(unrecorded.items())
    ]
    if study:
        verdict.unseen.append("the rows of other studies")
    verdict.unseen.append("drafts (the log has no digests of them yet)")
    verdict.unseen += dict.fromkeys(row_digests.excluded_from_evidence().values())
    verdict.later += [
        f"In study {slug}, {', '.join(names)} were recorded on {day}; earlier changes to them "
        "can't be detected"
        for (slug, day), names in sorted(later.items())
    ]


def record_verdict(verdict: Verdict, *, study: str = "", **who) -> None:
    """Put what a verification found into the log itself."""
    record(
        "audit.verify",
        study=study,
        target=verdict.head[:200],
        detail={
            "problems": verdict.found,
            "first": str(verdict.problems[0])[:500] if verdict.problems else "",
            "seals": verdict.keyed,
            "rows": verdict.rows,
            "not_looked_at": verdict.unseen,
            "recorded_later": verdict.later,
        },
        **who,
    )


def _known(heads: Sequence[tuple[int, str]], verdict: Verdict) -> dict[int, list[tuple[str, str]]]:
    """By number, the digests that events must have and who says so."""
    known: dict[int, list[tuple[str, str]]] = {}
    for number, sha256 in heads:
        known.setdefault(number, []).append((sha256, "the given head"))
    try:
        kept = chain_head_file.read_head()
    except chain_head_file.MalformedHead as damage:
        verdict.add([Problem("the note of the last event", f"is damaged: {damage}")])
        kept = None
    if kept:
        known.setdefault(kept[0], []).append((kept[1], "the note outside the database"))
    return known


class _Walk:
    """Along the chain, once."""

    def __init__(self, verdict: Verdict, checkers: list[Checker], *, known, progress):
        self.verdict, self.checkers, self.known = verdict, checkers, known
        self.progress = progress
        self.last: AuditEvent | None = None

    def on(self) -> None:
        """As far as there are events now."""
        while events := self._next():
            for event in events:
                self.verdict.add(self._faults(event))
                self.last = event
            for number, checker in enumerate(self.checkers):
                self.checkers[number] = self._held_against(_witnesses(events, checker), checker)
            self.progress(self.last.number)

    def _held_against(self, events: list[AuditEvent], checker: Checker) -> Checker:
        """Have the events taken, and hand back the checker that took them. Where one of them, or
        a row that it names, can't be read, it is as if they had been given one by one."""
        before = deepcopy(checker) if events else checker
        try:
            self.verdict.add(list(checker.check_events(events)))
        except UNREADABLE:
            for event in events:
                where = f"event {event.number}, or {checker.rows} that it names"
                self.verdict.add(with_unreadable(where, before.check_events([event])))
            return before
        return checker

    def end(self) -> None:
        """After the last event: those known to have been there and not seen."""
        if self.last:
            self.verdict.number, self.verdict.sha256 = self.last.number, self.last.sha256
        for number, named in sorted(self.known.items()):
            last = self.verdict.number or "none"
            self.verdict.add(
                Problem(
                    f"event {number}",
                    f"is missing: {who} refers to it, but the last event is {last}",
                )
                for _sha256, who in named
            )

    def _next(self) -> list[AuditEvent]:
        events = AuditEvent.objects.order_by("number")
        rows = events.filter(number__gt=self.last.number) if self.last else events
        return events_of(rows[:BATCH])

    def _faults(self, event: AuditEvent) -> Iterator[Problem]:
        expected = self.last.number + 1 if self.last else 1
        where = f"event {event.number} ({event_time_text(event)} {event.action})"
        if event.number != expected:
            yield Problem(*_gap(expected, event.number))
        if not isinstance(event.detail, dict):
            yield Problem(
                where, "its detail is not a JSON object, so no row can be checked against it"
            )
        if fault := _content_fault(event):
            yield Problem(where, fault)
        elif self.verdict.keyed and not chain.is_sealed(event):
            yield Problem(where, "was written without the key: its seal is not from this site")
        if event.number == expected and event.previous_sha256 != self._previous():
            yield Problem(
                where, f"does not follow event {expected - 1}: one of the two was replaced"
            )
        for sha256, who in self.known.pop(event.number, []):
            if event.sha256 != sha256:
                yield Problem(where, f"is not the one that {who} refers to: it was replaced")

    def _previous(self) -> str:
        return self.last.sha256 if self.last else ""


def _content_fault(event: AuditEvent) -> str:
    """How its content differs from its digest; "" where it does not."""
    try:
        same = event.sha256 == chain.digest_of(event)
    except UNREADABLE as fault:
        return f"was changed: its content {unreadable_problem('', fault).what}"
    return "" if same else "was changed: its content does not match its digest"


def _gap(expected: int, number: int) -> tuple[str, str]:
    if number < expected:
        return f"event {number}", "comes before the first event: it was added"
    if number == expected + 1:
        return f"event {expected}", "is missing: it was removed"
    return f"events {expected} to {number - 1}", "are missing: they were removed"


def _witnesses(events: list[AuditEvent], checker: Checker) -> list[AuditEvent]:
    return [
        event
        for event in events
        if isinstance(event.detail, dict)
        and checker.watches(event)
        and event.outcome == AuditEvent.Outcome.DONE
        and checker.study in ("", event.study)
    ]
