"""A study's state and the roles in it, held against the last events that tell of them.

Both go on changing while a study is under way: an event of each change says what it became.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from readerstudy.audit.models import AuditEvent
from readerstudy.audit.row_checker import Checker, Problem
from readerstudy.audit.unreadable import event_time_text, rows_of, unreadable_problem
from readerstudy.reading import audit_digests
from readerstudy.studies.models import Membership, Study

STEPS = frozenset(
    f"study.{step}" for step in ("open", "pause", "resume", "lock", "unblind", "archive", "witness")
)
GIVEN = frozenset({"study.role", "cohorts.member_invited"})
T = TypeVar("T")


class _Standing(Checker, Generic[T]):
    """What each study should be by its events. Of a study that changes meanwhile, what is stored
    must be what one of the last events says."""

    def __init__(self, *, study: str = ""):
        super().__init__(study=study)
        self._due: dict[str, list[T]] = {}  # by study; since the survey, all that it became
        self._now: dict[str, T | Exception] | None = None
        self._under_way: set[str] = set()

    def check_events(self, events: Sequence[AuditEvent]) -> Iterator[Problem]:
        for event in events:
            before = self._due.get(event.study, [])
            due = self._after(event, before[-1] if before else None)
            if due is not None:
                self._due[event.study] = [due] if self._now is None else [*before, due]
                if event.detail.get("recorded_later") and not before:
                    self.later[event.study] = event_time_text(event, "%Y-%m-%d")
        yield from ()

    def scan_rows(self) -> None:
        rows = Study.objects.exclude(state=Study.State.DRAFT)
        rows = rows.filter(slug=self.study) if self.study else rows
        self._under_way = set(rows.values_list("slug", flat=True))
        self._now = self._stored()

    def unmatched_rows(self) -> Iterator[Problem]:
        for slug, due in sorted(self._due.items()):
            self.checked += 1
            now = self._now.get(slug)
            if now is None:
                yield Problem(f"study {slug}", "is missing: it was removed or renamed")
            elif isinstance(now, Exception):
                yield unreadable_problem(f"{self.rows}: {slug}", now)
            elif not any(self._is(now, each) for each in due):
                yield Problem(f"{self.rows}: {slug}", self._fault(now, due[-1]))

    def unrecorded_rows(self) -> set[str]:
        return self._under_way - self._due.keys()

    @abstractmethod
    def _after(self, event: AuditEvent, before: T | None) -> T | None:
        """What it is after an event; None where the event doesn't tell."""

    @abstractmethod
    def _stored(self) -> dict[str, T | Exception]:
        """By study, what the database has, or why it can't be read."""

    def _is(self, now: T, due: T) -> bool:
        return now == due

    @abstractmethod
    def _fault(self, now: T, due: T) -> str: ...


class StateChecker(_Standing[dict[str, Any]]):
    """A study is in the state that its last step brought it into, since then."""

    rows = "states of studies"
    actions = STEPS

    def _after(self, event, before):
        state = event.detail.get("study") or event.detail.get("after")
        return state if isinstance(state, dict) and "state" in state else None

    def _stored(self):
        slugs = dict(Study.objects.values_list("pk", "slug"))
        return {
            slugs[pk]: study if isinstance(study, Exception) else audit_digests.state_record(study)
            for pk, study in rows_of(Study.objects.filter(pk__in=slugs)).items()
        }

    def _is(self, now, due):
        return all(now.get(name) == value for name, value in due.items())

    def _fault(self, now, due):
        names = [name for name, value in due.items() if now.get(name) != value]
        differences = ", ".join(
            f"{name} {now.get(name)!r} instead of {due[name]!r}" for name in names
        )
        return f"differs from what the last step set: {differences}"


class RoleChecker(_Standing[dict[str, str]]):
    """Who has which role is what was recorded at the opening and given or taken since."""

    rows = "studies' roles"
    actions = STEPS | GIVEN

    def _after(self, event, before):
        if isinstance(roles := event.detail.get("roles"), dict):
            return roles
        user = str(event.detail.get("user", ""))
        if event.action not in GIVEN or before is None or not user:
            return None
        after = event.detail.get("after")
        role = event.detail.get("role") or (isinstance(after, dict) and after.get("role"))
        others = {name: each for name, each in before.items() if name != user}
        return others | {user: role} if role else others

    def _stored(self):
        found: dict[str, dict[str, str]] = {slug: {} for slug in self._slugs()}
        rows = Membership.objects.values_list("study__slug", "user", "role")
        for slug, user, role in rows.iterator():
            found[slug][str(user)] = role
        return found

    def _slugs(self):
        return Study.objects.values_list("slug", flat=True)

    def _fault(self, now, due):
        users = [user for user in now.keys() | due.keys() if now.get(user) != due.get(user)]
        differences = ", ".join(
            f"user {user} is {now.get(user, 'none')} instead of {due.get(user, 'none')}"
            for user in sorted(users, key=lambda user: (len(user), user))
        )
        return f"differ from the roles that were given: {differences}"
