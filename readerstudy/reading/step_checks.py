"""What a step of a study's life asks for: a register of checks; each app adds its own.

A check says what it found in a study: what is missing, and stops the step; what a person should
know before taking it; and what is there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from django.urls import reverse

from readerstudy.accounts.models import User
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action, may


class LineState(StrEnum):
    """How a line of the checklist stands."""

    DONE = "done"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found. ``there`` is told where nothing is missing.

    ``grave`` stops the step until whoever takes it says why it is taken in spite of that.
    """

    missing: list[str] = field(default_factory=list)
    grave: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    there: str = ""


@dataclass(frozen=True, kw_only=True)
class ChecklistLine:
    """A line of the checklist: a requirement, how it stands and why, and where it is seen to."""

    title: str
    found: CheckResult
    study: Study
    where: "AddressOf"

    @property
    def state(self) -> LineState:
        """Missing goes before warning."""
        if self.found.missing:
            return LineState.MISSING
        return LineState.WARNING if self.found.grave or self.found.warnings else LineState.DONE

    @property
    def why(self) -> list[str]:
        """What is told of it, what is missing first."""
        found = self.found
        return [*found.missing, *found.grave, *found.warnings] or [found.there]

    def address(self, user: User) -> str:
        """Where on this site this person sees to it; blank for nowhere."""
        return self.where(self.study, user)


Check = Callable[[Study], CheckResult]
AddressOf = Callable[[Study, User], str]
_CHECKS: dict[str, list[tuple[str, Check, AddressOf]]] = {}


def register_check(step: str, *, title: str, where: AddressOf) -> Callable[[Check], Check]:
    """Decorator: a check of what this step asks for.

    ``where`` gives the address on this site at which a person sees to it; blank for none.
    """

    def add(find: Check) -> Check:
        _CHECKS.setdefault(step, []).append((title, find, where))
        return find

    return add


def on_study_page(part: str = "") -> AddressOf:
    """The address of the study's page in the admin, at a part of it (an element's id)."""
    anchor = f"#{part}" if part else ""
    return lambda study, _user: reverse("admin:cohorts_study_change", args=[study.pk]) + anchor


def on_results_page(study: Study, user: User) -> str:
    """The address of progress, plan and results, for those who may see them."""
    seen = may(user, Action.SEE_PROGRESS, study)
    return reverse("analysis:results", args=[study.slug]) if seen else ""


def checklist(study: Study, step: str) -> list[ChecklistLine]:
    """All that the step asks for, in the order in which the apps registered it."""
    return [
        ChecklistLine(title=title, found=find(study), study=study, where=where)
        for title, find, where in _CHECKS.get(step, [])
    ]


def blocking_reasons(study: Study, step: str) -> list[str]:
    """All that stops the step, in plain words; empty when it may be taken."""
    return [reason for line in checklist(study, step) for reason in line.found.missing]


def grave_warnings(study: Study, step: str) -> list[str]:
    """All that a reason has to be given for, if the step is taken in spite of it."""
    return [warning for line in checklist(study, step) for warning in line.found.grave]
