"""Look for tampering: the chain from its first event to its last, then the rows it witnesses.

What is found, and by what:
- an event that was changed, taken out, put in or moved: by its digest, its number and the next
  event's link; chained anew over all that follow: by the seals (not without the key);
- the end of the log cut off: by the note outside the database (``head.py``), or a head on paper;
- a row that was changed, taken out or put in: by the event that holds its digest.
Not found: what somebody does who has the database, the key and the note, unless a head was
written down before; and rows that no checker is registered for.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from readerstudy.audit import chain, head
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent

BATCH = 1000
MOST_TOLD = 100


@dataclass(frozen=True)
class Problem:
    """A bad link or row, and what is wrong with it."""

    where: str
    what: str

    def __str__(self):
        return f"{self.where}: {self.what}"


@dataclass
class Verdict:
    """What a verification looked at and found; ``problems`` holds the first ``MOST_TOLD``."""

    number: int = 0
    sha256: str = ""
    keyed: bool = True
    found: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return self.found == 0

    @property
    def head(self) -> str:
        """The last event, as it is written down: NUMBER:SHA-256."""
        return f"{self.number}:{self.sha256}"

    def add(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.found += 1
            if len(self.problems) < MOST_TOLD:
                self.problems.append(problem)


class Checker(ABC):
    """Holds one kind of rows against the events that witness them.

    ``take`` gets the events in the order of the log, some at a time; then ``survey`` notes the
    rows that no event has named, ``take`` gets the events that came meanwhile, and ``missing``
    tells of the rows that still have none: a site may be verified while people work on it.
    """

    rows = "rows"  # what they are called
    actions: frozenset[str] = frozenset()

    def __init__(self, *, study: str = ""):
        self.study = study  # slug; blank: all
        self.checked = 0

    @abstractmethod
    def take(self, events: Sequence[AuditEvent]) -> Iterator[Problem]: ...

    @abstractmethod
    def survey(self) -> None: ...

    @abstractmethod
    def missing(self) -> Iterator[Problem]: ...


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
    checkers = [checker(study=study) for checker in _CHECKERS]
    walk = _Walk(verdict, checkers, known=_known(heads, verdict), progress=progress)
    walk.on()
    for checker in checkers:
        checker.survey()
    walk.on()
    walk.end()
    for checker in checkers:
        verdict.add(checker.missing())
        verdict.rows[checker.rows] = checker.checked
    return verdict


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
        },
        **who,
    )


def _known(heads: Sequence[tuple[int, str]], verdict: Verdict) -> dict[int, list[tuple[str, str]]]:
    """By number, the digests that events must have and who says so."""
    known: dict[int, list[tuple[str, str]]] = {}
    for number, sha256 in heads:
        known.setdefault(number, []).append((sha256, "the head that was given"))
    try:
        kept = head.kept()
    except head.NoHead as damage:
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
            for checker in self.checkers:
                self.verdict.add(checker.take(_witnesses(events, checker)))
            self.progress(self.last.number)

    def end(self) -> None:
        """After the last event: those known to have been there and not seen."""
        if self.last:
            self.verdict.number, self.verdict.sha256 = self.last.number, self.last.sha256
        for number, told in sorted(self.known.items()):
            last = self.verdict.number or "none"
            self.verdict.add(
                Problem(f"event {number}", f"is missing: {who} names it; the last one is {last}")
                for _sha256, who in told
            )

    def _next(self) -> list[AuditEvent]:
        events = AuditEvent.objects.order_by("number")
        return list((events.filter(number__gt=self.last.number) if self.last else events)[:BATCH])

    def _faults(self, event: AuditEvent) -> Iterator[Problem]:
        expected = self.last.number + 1 if self.last else 1
        where = f"event {event.number} ({event.at:%Y-%m-%d %H:%M:%S} {event.action})"
        if event.number != expected:
            yield Problem(*_gap(expected, event.number))
        if event.sha256 != chain.digest_of(event):
            yield Problem(where, "was changed: its content is not that of its digest")
        elif self.verdict.keyed and not chain.is_sealed(event):
            yield Problem(where, "was written without the key: its seal is not of this site")
        if event.number == expected and event.previous_sha256 != self._previous():
            yield Problem(
                where, f"does not follow event {expected - 1}: one of the two was replaced"
            )
        for sha256, who in self.known.pop(event.number, []):
            if event.sha256 != sha256:
                yield Problem(where, f"is not the one that {who} names: it was replaced")

    def _previous(self) -> str:
        return self.last.sha256 if self.last else ""


def _gap(expected: int, number: int) -> tuple[str, str]:
    if number < expected:
        return f"event {number}", "stands before the first: it was put in"
    if number == expected + 1:
        return f"event {expected}", "is missing: it was taken out"
    return f"events {expected} to {number - 1}", "are missing: they were taken out"


def _witnesses(events: list[AuditEvent], checker: Checker) -> list[AuditEvent]:
    return [
        event
        for event in events
        if event.action in checker.actions
        and event.outcome == AuditEvent.Outcome.DONE
        and checker.study in ("", event.study)
    ]
