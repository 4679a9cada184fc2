"""Inference jobs: one a case, model version and input, run in batches.

A batch counts against none of its jobs; one that was tried before is run alone.
"""

import hashlib
from collections.abc import Iterable

from django.conf import settings

from inference.models import InferenceJob, ModelVersion
from readerstudy.jobs import kinds
from readerstudy.jobs.broker import INFERENCE
from readerstudy.jobs.queue import Queue
from readerstudy.jobs.retry_policy import Limits
from readerstudy.studies.models import Case, Image

State = InferenceJob.State


class NotComputed(ValueError):
    """A model version that can't be run; the message says why."""


class InferenceQueue(Queue[InferenceJob]):
    died = "The worker died each time it ran this case alone; the case may be the cause."
    hung = (
        "The worker hung each time it ran this case alone, and was ended at its deadline; the "
        "case may be the cause."
    )

    def to_send_for(self, again: list[int]) -> list[int]:
        """While a worker is busy, what waits has its messages; sending again would double them."""
        return [*again, *self.take_due()] if self.is_busy() else self.waiting()

    def batches(self, job_ids: Iterable[int]) -> list[list[int]]:
        """Those of these jobs that wait, in the batches that a worker takes at once.

        A job that was tried before goes alone: if it is what kills the worker, it takes no others
        with it. Those tried least go first.
        """
        fresh, tried = [], []
        waiting = InferenceJob.objects.filter(pk__in=list(job_ids), state=State.QUEUED)
        for job_id, attempts in waiting.order_by("strikes", "pk").values_list("pk", "attempts"):
            (tried if attempts else fresh).append(job_id)
        size = settings.INFERENCE_BATCH_SIZE
        return [fresh[at : at + size] for at in range(0, len(fresh), size)] + [[pk] for pk in tried]

    def next_batch(self) -> list[int]:
        """The first of the ``batches`` of all jobs that may be begun, in two queries."""
        due = self.due()
        fresh = due.filter(attempts=0).order_by("pk")[: settings.INFERENCE_BATCH_SIZE]
        tried = due.order_by("strikes", "pk")[:1]
        return list(fresh.values_list("pk", flat=True)) or list(tried.values_list("pk", flat=True))


QUEUE = InferenceQueue(
    InferenceJob, limits=Limits("INFERENCE"), related=("case__cohort__study", "model_version")
)
KIND = kinds.register(
    kinds.Kind(
        name="inference",
        queue=QUEUE,
        celery_queue=INFERENCE,
        run="inference.runner:run_batch",
        check="inference.device_check:require_device",
    )
)


def require_computed(model_version: ModelVersion) -> None:
    """Raise NotComputed for a version whose predictions were imported."""
    if model_version.is_external:
        raise NotComputed(
            f"{model_version} can't be run: its predictions were imported, and this site has no "
            "weights for it."
        )


def input_digest(images: Iterable[Image]) -> str:
    """SHA-256 that names a case's input: both images' digests, in the order of modality."""
    digests = [image.sha256 for image in sorted(images, key=lambda image: image.modality)]
    return hashlib.sha256(":".join(digests).encode()).hexdigest()


def enqueue(*, cases: Iterable[Case], model_version: ModelVersion) -> list[int]:
    """Make a job for each case that has none yet; the ids of all unfinished jobs among them.

    Raises NotComputed.
    """
    require_computed(model_version)
    inputs = {case.pk: input_digest(case.image_set.all()) for case in cases}
    InferenceJob.objects.bulk_create(
        [
            InferenceJob(case_id=pk, model_version=model_version, input_sha256=digest)
            for pk, digest in inputs.items()
        ],
        ignore_conflicts=True,
    )
    return list(
        InferenceJob.objects.filter(
            model_version=model_version, state=State.QUEUED, case__in=inputs
        ).values_list("pk", flat=True)
    )


def retry_failed(*, cases: Iterable[Case], model_version: ModelVersion) -> int:
    """Give failed jobs of these cases all their attempts again, and end the pause of those that
    wait; how many had failed.

    Raises NotComputed.
    """
    require_computed(model_version)
    jobs = InferenceJob.objects.filter(
        case__in=[case.pk for case in cases], model_version=model_version
    )
    waiting = jobs.filter(state=State.QUEUED).exclude(not_before=None)
    waiting.update(not_before=None, pauses=0, cause="")
    return QUEUE.queue_again(jobs.filter(state=State.FAILED))


def count_waiting() -> int:
    """How many jobs may be begun."""
    return QUEUE.due().count()
