"""The steps of a study's life as people take them: what each does and forbids, and which are open.

``perform`` is the one door for pages and commands; a step that is refused is audited.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from readerstudy.audit.log import record
from readerstudy.reading import lifecycle, opening_requirements, step_checks, two_person_unblinding
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action

State = Study.State


class LifecycleStep(StrEnum):
    """A step of a study's life."""

    OPEN = "open"
    PAUSE = "pause"
    RESUME = "resume"
    LOCK = "lock"
    UNBLIND = "unblind"
    ASK_UNBLINDING = "ask-unblinding"
    CONFIRM_UNBLINDING = "confirm-unblinding"
    WITHDRAW_UNBLINDING = "withdraw-unblinding"
    ARCHIVE = "archive"

    @property
    def text(self) -> "StepText":
        """What people are told of it."""
        return _TEXTS[self]

    @property
    def action(self) -> Action:
        """Whose right is needed: two people who unblind have one right."""
        return Action.UNBLIND if self.endswith("-unblinding") else Action(self.value)


@dataclass(frozen=True, kw_only=True)
class StepText:
    """A step in words. ``reason`` says whether one is asked for in any case."""

    button: str
    does: str
    forbids: str
    done: str
    reason: bool = False


_UNSEALS = {
    "does": "Lets investigators see readings, reference standards and results, and run analyses.",
    "forbids": "A plan registered after this no longer counts as pre-registered. This is final.",
    "done": "unblinded",
}
_TEXTS = {
    LifecycleStep.OPEN: StepText(
        button="Open the study",
        does="Draws and stores every reader's reading order, freezes the protocol under its "
        "SHA-256, and lets readers start.",
        forbids="Protocol, cohorts, cases, images, reference standards, readers and model can "
        "no longer be changed, and the study can't be deleted. This is final.",
        done="open",
    ),
    LifecycleStep.PAUSE: StepText(
        button="Pause reading",
        does="Readers see that the study is paused. A diagnosis being sent waits in the "
        "reader's browser and is accepted once the study resumes.",
        forbids="Until then, no case is shown and no diagnosis is accepted.",
        done="paused",
        reason=True,
    ),
    LifecycleStep.RESUME: StepText(
        button="Resume reading",
        does="Readers continue where they stopped, with the same protocol.",
        forbids="Nothing.",
        done="open again",
    ),
    LifecycleStep.LOCK: StepText(
        button="Lock the study",
        does="Ends reading.",
        forbids="No diagnosis is accepted any more, not even one that is waiting in a browser. "
        "This is final.",
        done="locked",
    ),
    LifecycleStep.UNBLIND: StepText(
        button="Unblind the study",
        **_UNSEALS,
    ),
    LifecycleStep.ASK_UNBLINDING: StepText(
        button="Request unblinding",
        does="Requests that another person confirm the unblinding within "
        f"{two_person_unblinding.STANDS.days} days. Until then, the results stay sealed.",
        forbids="You can't confirm your own request.",
        done="to be unblinded, once another person confirms it",
    ),
    LifecycleStep.CONFIRM_UNBLINDING: StepText(
        button="Confirm unblinding",
        **_UNSEALS,
    ),
    LifecycleStep.WITHDRAW_UNBLINDING: StepText(
        button="Withdraw the request",
        does="Withdraws the request to unblind, which stays on record. The results stay sealed.",
        forbids="The request can no longer be confirmed. A new request can be made.",
        done="still locked; the request to unblind is withdrawn",
    ),
    LifecycleStep.ARCHIVE: StepText(
        button="Archive the study",
        does="Closes the study permanently. Investigators can still see the results.",
        forbids="Nobody can change anything in the study, and no analysis can be run. This is "
        "final: an archived study can't be reopened.",
        done="archived",
    ),
}
_PERFORM: dict[LifecycleStep, Callable[..., None]] = {
    LifecycleStep.OPEN: lifecycle.open_study,
    LifecycleStep.PAUSE: lifecycle.pause_study,
    LifecycleStep.RESUME: lifecycle.resume_study,
    LifecycleStep.LOCK: lifecycle.lock_study,
    LifecycleStep.UNBLIND: lifecycle.unblind_study,
    LifecycleStep.ASK_UNBLINDING: two_person_unblinding.request_unblinding,
    LifecycleStep.CONFIRM_UNBLINDING: two_person_unblinding.confirm_unblinding,
    LifecycleStep.WITHDRAW_UNBLINDING: two_person_unblinding.withdraw_request,
    LifecycleStep.ARCHIVE: lifecycle.archive_study,
}
_NEXT = {
    State.DRAFT: [LifecycleStep.OPEN],
    State.OPEN: [LifecycleStep.PAUSE, LifecycleStep.LOCK],
    State.PAUSED: [LifecycleStep.RESUME, LifecycleStep.LOCK],
    State.UNBLINDED: [LifecycleStep.ARCHIVE],
    State.ARCHIVED: [],
}


def possible_steps(study: Study) -> list[LifecycleStep]:
    """The steps that the study's state lets somebody take now."""
    if study.state != State.LOCKED:
        return _NEXT[study.state]
    if not two_person_unblinding.needs_two(study):
        return [LifecycleStep.UNBLIND]
    if two_person_unblinding.standing_request(study):
        return [LifecycleStep.CONFIRM_UNBLINDING, LifecycleStep.WITHDRAW_UNBLINDING]
    return [LifecycleStep.ASK_UNBLINDING]


def needs_reason(study: Study, step: LifecycleStep) -> bool:
    """Whether a reason must be given: for a pause, for a lock before all is read, and for what is
    grave in a checklist."""
    early = step == LifecycleStep.LOCK and opening_requirements.unread_count(study) > 0
    if step.text.reason or early:
        return True
    return step != LifecycleStep.WITHDRAW_UNBLINDING and bool(
        step_checks.grave_warnings(study, step.action.value)
    )


def perform(study: Study, step: LifecycleStep, *, by: str, reason: str = "") -> None:
    """Take a step. Raises StepNotPossible, once the refusal is on record."""
    try:
        _PERFORM[step](study, by=by, reason=reason)
    except lifecycle.StepNotPossible as refusal:
        record(
            f"study.{step}",
            actor=by,
            study=study.slug,
            refused=True,
            detail={"reasons": refusal.reasons},
        )
        raise
