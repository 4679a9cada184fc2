"""Results stay sealed until the study is locked and unblinded."""

from readerstudy.cohorts.models import Study
from readerstudy.reading.lifecycle import NotPossible


class Sealed(Exception):
    """The results of a study that is not unblinded."""


def require_unsealed(study: Study) -> None:
    """Raise Sealed unless the study is unblinded."""
    if not study.is_unsealed:
        raise Sealed("Results stay sealed until the study is locked and unblinded.")


def require_analysable(study: Study) -> None:
    """Raise Sealed unless the study is unblinded, NotPossible once it is archived."""
    require_unsealed(study)
    if study.state == Study.State.ARCHIVED:
        raise NotPossible(["The study is archived: its results stay, and no new run is made."])
