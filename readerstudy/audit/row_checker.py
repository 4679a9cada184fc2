"""What holds rows against the events that witness them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readerstudy.audit.models import AuditEvent


@dataclass(frozen=True)
class Problem:
    """A bad link or row, and what is wrong with it."""

    where: str
    what: str

    def __str__(self):
        return f"{self.where}: {self.what}"


class Checker(ABC):
    """Holds one kind of rows against the events that witness them.

    ``check_events`` gets the events in the order of the log, some at a time; then ``scan_rows``
    notes the rows that no event has named, ``check_events`` gets the events that came meanwhile,
    and ``unmatched_rows`` tells of the rows that still have none: a site may be verified while
    people work on it.
    """

    rows = "rows"  # what they are called
    actions: frozenset[str] = frozenset()

    def __init__(self, *, study: str = ""):
        self.study = study  # slug; blank: all
        self.checked = 0
        self.later: dict[str, str] = {}  # by study: the day from which on it is witnessed

    def watches(self, event: AuditEvent) -> bool:
        """Whether an event may witness such rows."""
        return event.action in self.actions

    @abstractmethod
    def check_events(self, events: Sequence[AuditEvent]) -> Iterator[Problem]: ...

    @abstractmethod
    def scan_rows(self) -> None: ...

    @abstractmethod
    def unmatched_rows(self) -> Iterator[Problem]: ...

    def unrecorded_rows(self) -> set[str]:
        """The studies whose rows of this kind no event witnesses, so that they can't be checked."""
        return set()
