"""The steps of a study's life as people take them: what each does and forbids, and which are open.

``take`` is the one door for pages and commands; a step that is refused is audited.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from readerstudy.audit.log import record
from readerstudy.cohorts.models import Study
from readerstudy.cohorts.roles import Action
from readerstudy.reading import lifecycle, requirements, unblinding

State = Study.State


class Step(StrEnum):
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
    def told(self) -> "Told":
        """What people are told of it."""
        return _TOLD[self]

    @property
    def action(self) -> Action:
        """Whose right is needed: two people who unblind have one right."""
        return Action.UNBLIND if self.endswith("-unblinding") else Action(self.value)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A step in words. ``reason`` says whether one is asked for in any case."""

    button: str
    does: str
    forbids: str
    done: str
    reason: bool = False


_UNSEALS = {
    "does": "Unseals readings, truth and results for the investigators, and lets analyses run.",
    "forbids": "No analysis plan counts as registered before the unblinding from now on. This is "
    "final.",
    "done": "unblinded",
}
_TOLD = {
    Step.OPEN: Told(
        button="Open the study",
        does="Draws and stores every reader's order, freezes the protocol under its hash, and lets "
        "the readers begin.",
        forbids="Protocol, cohorts, cases, images, truth, readers and model can't be changed any "
        "more, nor can the study be deleted. This is final.",
        done="open",
    ),
    Step.PAUSE: Told(
        button="Pause reading",
        does="Readers are told that the study is paused. A diagnosis that is on its way waits in "
        "the reader's browser and is taken once the study is resumed.",
        forbids="No case is shown and no diagnosis is taken until then.",
        done="paused",
        reason=True,
    ),
    Step.RESUME: Told(
        button="Resume reading",
        does="Readers go on where they were, with the protocol as it was.",
        forbids="Nothing.",
        done="open again",
    ),
    Step.LOCK: Told(
        button="Lock the study",
        does="Ends the reading.",
        forbids="No diagnosis is taken any more, not even one that waits in a browser. This is "
        "final.",
        done="locked",
    ),
    Step.UNBLIND: Told(
        button="Unblind the study",
        **_UNSEALS,
    ),
    Step.ASK_UNBLINDING: Told(
        button="Ask for the unblinding",
        does=f"Asks another person to confirm the unblinding within {unblinding.STANDS.days} days. "
        "Until then nothing is unsealed.",
        forbids="You can't confirm it yourself.",
        done="to be unblinded, once another person confirms it",
    ),
    Step.CONFIRM_UNBLINDING: Told(
        button="Confirm the unblinding",
        **_UNSEALS,
    ),
    Step.WITHDRAW_UNBLINDING: Told(
        button="Take the request back",
        does="The request to unblind counts no more; it stays on record. Nothing is unsealed.",
        forbids="Nobody can confirm it any more. It can be asked for anew.",
        done="still locked; the request to unblind is taken back",
    ),
    Step.ARCHIVE: Told(
        button="Archive the study",
        does="Closes the study for good. Its results stay visible to the investigators.",
        forbids="Nothing of it can be changed by anybody, and no analysis is run any more. This is "
        "final: an archived study is not opened again.",
        done="archived",
    ),
}
_DO: dict[Step, Callable[..., None]] = {
    Step.OPEN: lifecycle.open_study,
    Step.PAUSE: lifecycle.pause_study,
    Step.RESUME: lifecycle.resume_study,
    Step.LOCK: lifecycle.lock_study,
    Step.UNBLIND: lifecycle.unblind_study,
    Step.ASK_UNBLINDING: unblinding.ask,
    Step.CONFIRM_UNBLINDING: unblinding.confirm,
    Step.WITHDRAW_UNBLINDING: unblinding.withdraw,
    Step.ARCHIVE: lifecycle.archive_study,
}
_NEXT = {
    State.DRAFT: [Step.OPEN],
    State.OPEN: [Step.PAUSE, Step.LOCK],
    State.PAUSED: [Step.RESUME, Step.LOCK],
    State.UNBLINDED: [Step.ARCHIVE],
    State.ARCHIVED: [],
}


def possible_steps(study: Study) -> list[Step]:
    """The steps that the study's state lets somebody take now."""
    if study.state != State.LOCKED:
        return _NEXT[study.state]
    if not unblinding.needs_two(study):
        return [Step.UNBLIND]
    if unblinding.standing_request(study):
        return [Step.CONFIRM_UNBLINDING, Step.WITHDRAW_UNBLINDING]
    return [Step.ASK_UNBLINDING]


def asks_reason(study: Study, step: Step) -> bool:
    """Whether a reason must be given: for a pause, and for a lock before all is read."""
    early = step == Step.LOCK and requirements.unread_count(study) > 0
    return step.told.reason or early


def take(study: Study, step: Step, *, by: str, reason: str = "") -> None:
    """Take a step. Raises NotPossible, once the refusal is on record."""
    try:
        _DO[step](study, by=by, reason=reason)
    except lifecycle.NotPossible as refusal:
        record(
            f"study.{step}",
            actor=by,
            study=study.slug,
            refused=True,
            detail={"reasons": refusal.reasons},
        )
        raise
