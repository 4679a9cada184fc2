"""Why a reader's request is refused: what they are told, the HTTP status, and whether an
auditor should hear of it."""

from django.utils.translation import gettext as _

from readerstudy.cohorts.models import Study


class Refused(Exception):
    """Base of all refusals; the text is for the reader."""

    status = 403
    audited = True
    retry_after: int | None = None
    """Seconds after which the very same request may be taken."""


class NotYours(Refused):
    """No such case for this reader. Tells nothing about whether another reader has it."""

    status = 404


class OutOfOrder(Refused):
    """The reader's own case, but not the one to be read now."""


class NotPrepared(Refused):
    """A case before all that comes before the first one, or before this sign-in's display check."""

    status = 409
    audited = False


class NotRevealed(Refused):
    """AI output before the stage-1 reading that unlocks it."""


class AidMissing(Refused):
    """Stage 2 without a model result: must not happen, since opening a study requires them all."""

    status = 409


class NoHeatmap(Refused):
    """A heatmap of a prediction that was imported without; no page asks for one."""

    status = 404
    audited = False


class StudyNotOpen(Refused):
    """The study takes no readings now."""

    status = 409
    audited = False


class StudyPaused(StudyNotOpen):
    """The study takes no readings until it goes on. What waits in a browser goes on waiting."""

    status = 503
    retry_after = 60


def closed(state: str) -> StudyNotOpen:
    """The refusal of a reading by a study in this state."""
    if state == Study.State.PAUSED:
        return StudyPaused(
            _(
                "The study is paused and takes no readings now. A diagnosis that is kept in this "
                "browser stays there and is sent once the study goes on."
            )
        )
    return StudyNotOpen(_("This study takes no readings now."))


class AlreadyRead(Refused):
    """This case has a submitted reading, which stands."""

    status = 409
    audited = False


class KeyReused(Refused):
    """An idempotency key that already stands for another submit."""

    status = 409


class Invalid(Refused):
    """The submitted diagnosis is incomplete or inconsistent."""

    status = 400
    audited = False
