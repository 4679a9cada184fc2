"""Why a reader's request is refused: what they are told, the HTTP status, and whether an
auditor should hear of it."""

from django.utils.translation import gettext as _

from readerstudy.studies.models import Study


class ReadingRefused(Exception):
    """Base of all refusals; the text is for the reader."""

    status = 403
    audited = True
    retry_after: int | None = None
    """Seconds after which the very same request may be taken."""


class NotYours(ReadingRefused):
    """No such case for this reader. Tells nothing about whether another reader has it."""

    status = 404


class OutOfOrder(ReadingRefused):
    """The reader's own case, but not the one to be read now."""


class NotPrepared(ReadingRefused):
    """A case before all that comes before the first one, or before this sign-in's display check."""

    status = 409
    audited = False


class NotRevealed(ReadingRefused):
    """AI output before the stage-1 reading that unlocks it."""


class AidMissing(ReadingRefused):
    """Stage 2 without a model result: must not happen, since opening a study requires them all."""

    status = 409


class NoHeatmap(ReadingRefused):
    """A heatmap of a prediction that was imported without; no page asks for one."""

    status = 404
    audited = False


class StudyNotOpen(ReadingRefused):
    """The study takes no readings now."""

    status = 409
    audited = False


class StudyPaused(StudyNotOpen):
    """The study takes no readings until it goes on. What waits in a browser goes on waiting."""

    status = 503
    retry_after = 60


def refusal_of_state(state: str) -> StudyNotOpen:
    """The refusal of a reading by a study that is in this state now.

    One that is open refused it all the same: it was paused for a moment, and goes on.
    """
    if state in (Study.State.PAUSED, Study.State.OPEN):
        return StudyPaused(
            _(
                "The study is paused and does not accept readings at the moment. A diagnosis "
                "kept in this browser stays there and is sent once the study resumes."
            )
        )
    return StudyNotOpen(_("This study does not accept readings now."))


class AlreadyRead(ReadingRefused):
    """This case has a submitted reading, which stands."""

    status = 409
    audited = False


class KeyReused(ReadingRefused):
    """An idempotency key that already stands for another submit."""

    status = 409


class Invalid(ReadingRefused):
    """The submitted diagnosis is incomplete or inconsistent."""

    status = 400
    audited = False
