"""Results stay sealed until the study is locked and unblinded."""

from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.studies.models import Study


class ResultsSealed(Exception):
    """The results of a study that is not unblinded."""


def require_unsealed(study: Study) -> None:
    """Raise ResultsSealed unless the study is unblinded."""
    if not study.is_unsealed:
        raise ResultsSealed("Results stay sealed until the study is locked and unblinded.")


def require_analysable(study: Study) -> None:
    """Raise ResultsSealed unless the study is unblinded, StepNotPossible once it is archived."""
    require_unsealed(study)
    if study.state == Study.State.ARCHIVED:
        raise StepNotPossible(
            ["The study is archived. Its results remain, but no new run can be started."]
        )
