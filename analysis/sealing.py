"""Results stay sealed until the study is locked and unblinded."""

from readerstudy.cohorts.models import Study


class Sealed(Exception):
    """The results of a study that is not unblinded."""


def require_unsealed(study: Study) -> None:
    """Raise Sealed unless the study is unblinded."""
    if study.state != Study.State.UNBLINDED:
        raise Sealed("Results stay sealed until the study is locked and unblinded.")
