"""What became of a study's cases as the model's inputs: done, failed, pending, and poor.

For admins and investigators. Readers are told none of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from inference.current_results import jobs_of, predictions_of
from inference.models import InferenceJob, ModelVersion
from readerstudy.studies.models import Case


@dataclass(frozen=True)
class CaseNote:
    """A case and what there is to say of it."""

    case: Case
    text: str


@dataclass(frozen=True)
class ModelInputs:
    """What became of cases at the model's hands; each case is in one of the first three."""

    done: list[Case]
    failed: list[CaseNote]
    """With the reason."""
    pending: list[Case]
    """Queued, running, or not asked for yet."""
    poor: list[CaseNote]
    """Of those done, the ones with poor images, and what is poor about them."""


def model_inputs(cases: Iterable[Case], *, model_version: ModelVersion) -> ModelInputs:
    """What became of these cases, in four queries."""
    cases = list(cases)
    predictions = predictions_of(cases, model_version=model_version)
    jobs = jobs_of(cases, model_version=model_version)
    inputs = ModelInputs([], [], [], [])
    for case in cases:
        job = jobs.get(case.pk)
        if prediction := predictions.get(case.pk):
            inputs.done.append(case)
            if prediction.notes:
                inputs.poor.append(CaseNote(case, " ".join(prediction.notes)))
        elif job and job.state == InferenceJob.State.FAILED:
            inputs.failed.append(CaseNote(case, job.reason))
        else:
            inputs.pending.append(case)
    return inputs
