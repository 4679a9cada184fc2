"""What a reader says of a case, whether by the page's form or by the API."""

from dataclasses import asdict, dataclass

from django.utils.translation import gettext as _

from readerstudy.diagnosis import is_consistent
from readerstudy.reading.errors import Invalid
from readerstudy.reading.models import QualityProblem, Reading, Stage
from readerstudy.studies.models import Protocol

RATING = range(1, 6)
CONFIDENCE = {
    Protocol.Confidence.NONE: range(0),
    Protocol.Confidence.FIVE_POINT: RATING,
    Protocol.Confidence.PERCENT: range(101),
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A two-level diagnosis, and what the protocol asks besides.

    ``confidence`` is on the protocol's scale; ``trust`` and ``usefulness`` rate the AI, 1 to 5.
    """

    malignancy: str
    etiology: str
    confidence: int | None = None
    quality_problem: str = ""
    quality_note: str = ""
    trust: int | None = None
    usefulness: int | None = None

    def is_of(self, reading: Reading) -> bool:
        """Whether this is what was stored."""
        return all(getattr(reading, name) == value for name, value in asdict(self).items())


def require_complete(answer: Answer, *, protocol: Protocol, stage: int) -> None:
    """Raise Invalid, in words for the reader, unless this is what the protocol asks."""
    if not is_consistent(answer.malignancy, answer.etiology):
        raise Invalid(_("Choose benign or malignant, then an etiology of that branch."))
    scale = CONFIDENCE[Protocol.Confidence(protocol.confidence)]
    if not _fits(answer.confidence, scale):
        message = _("Enter how confident you are.")
        raise Invalid(message if scale else _("This study does not ask for confidence here."))
    rated = protocol.rates_aid and stage == Stage.AIDED
    for rating in (answer.trust, answer.usefulness):
        if not _fits(rating, RATING if rated else range(0)):
            raise Invalid(
                _("Rate the AI's output.")
                if rated
                else _("This study does not ask for a rating here.")
            )
    if answer.quality_problem not in ("", *QualityProblem.values):
        raise Invalid(_("Choose why the image quality is insufficient."))
    if answer.quality_note and not answer.quality_problem:
        raise Invalid(_("Choose why the image quality is insufficient, or clear the note."))
    if len(answer.quality_note) > Reading._meta.get_field("quality_note").max_length:
        raise Invalid(_("The note on image quality is too long."))


def _fits(value: int | None, scale: range) -> bool:
    """A value on its scale; none, where nothing is asked."""
    return value in scale if scale else value is None
