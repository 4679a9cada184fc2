"""What a step of a study's life asks for: a register of checks, which every floor adds its own to.

A check says what it found in a study: what is missing, and stops the step; what a person should
know before taking it; and what is there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from django.urls import reverse

from readerstudy.accounts.models import User
from readerstudy.cohorts.models import Study
from readerstudy.cohorts.roles import Action, may


class State(StrEnum):
    """How a line of the checklist stands."""

    DONE = "done"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a check found. ``there`` is told where nothing is missing."""

    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    there: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the checklist: a requirement, how it stands and why, and where it is seen to."""

    title: str
    found: Found
    study: Study
    where: "Where"

    @property
    def state(self) -> State:
        """Missing goes before warning."""
        if self.found.missing:
            return State.MISSING
        return State.WARNING if self.found.warnings else State.DONE

    @property
    def why(self) -> list[str]:
        """What is told of it, what is missing first."""
        return [*self.found.missing, *self.found.warnings] or [self.found.there]

    def address(self, user: User) -> str:
        """Where on this site this person sees to it; blank for nowhere."""
        return self.where(self.study, user)


Find = Callable[[Study], Found]
Where = Callable[[Study, User], str]
_CHECKS: dict[str, list[tuple[str, Find, Where]]] = {}


def register(step: str, *, title: str, where: Where) -> Callable[[Find], Find]:
    """Decorator: a check of what this step asks for.

    ``where`` gives the address on this site at which a person sees to it; blank for none.
    """

    def add(find: Find) -> Find:
        _CHECKS.setdefault(step, []).append((title, find, where))
        return find

    return add


def on_study_page(part: str = "") -> Where:
    """The address of the study's page in the admin, at a part of it (an element's id)."""
    anchor = f"#{part}" if part else ""
    return lambda study, _user: reverse("admin:cohorts_study_change", args=[study.pk]) + anchor


def on_results_page(study: Study, user: User) -> str:
    """The address of progress, plan and results, for those who may see them."""
    seen = may(user, Action.SEE_PROGRESS, study)
    return reverse("analysis:results", args=[study.slug]) if seen else ""


def checklist(study: Study, step: str) -> list[Line]:
    """All that the step asks for, in the order in which the floors registered it."""
    return [
        Line(title=title, found=find(study), study=study, where=where)
        for title, find, where in _CHECKS.get(step, [])
    ]


def against(study: Study, step: str) -> list[str]:
    """All that stops the step, in plain words; empty when it may be taken."""
    return [reason for line in checklist(study, step) for reason in line.found.missing]
