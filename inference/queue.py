"""The job queue is a table: put work in, claim it, finish it, bring back what a dead worker held.

Every step is one conditional UPDATE, so any number of workers, re-delivered messages and
repeated calls do the work once.
"""

import hashlib
import os
import socket
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from inference.models import InferenceJob, ModelVersion
from readerstudy.cohorts.models import Case, Image

State = InferenceJob.State


class NotComputed(ValueError):
    """A model version that can't be run; the message says why."""


def require_computed(model_version: ModelVersion) -> None:
    """Raise NotComputed for a version whose predictions were imported."""
    if model_version.is_external:
        raise NotComputed(
            f"{model_version}: this model's predictions are imported, not computed; it ran "
            "elsewhere, and there are no weights to run here."
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


def claim(job_id: int) -> InferenceJob | None:
    """Take a queued job for this worker; None when it is not (or no longer) to be done."""
    taken = InferenceJob.objects.filter(
        pk=job_id, state=State.QUEUED, attempts__lt=settings.INFERENCE_MAX_ATTEMPTS
    ).update(
        state=State.RUNNING,
        attempts=F("attempts") + 1,
        heartbeat_at=timezone.now(),
        worker=f"{socket.gethostname()}:{os.getpid()}",
    )
    if not taken:
        return None
    return InferenceJob.objects.select_related("case", "model_version").get(pk=job_id)


def _owned(job: InferenceJob):
    return InferenceJob.objects.filter(pk=job.pk, state=State.RUNNING, attempts=job.attempts)


def beat(jobs: Iterable[InferenceJob]) -> int:
    """Say that the worker of these jobs lives; how many are still its own and unfinished."""
    now = timezone.now()
    return sum(_owned(job).update(heartbeat_at=now) for job in jobs)


def finish(job: InferenceJob) -> bool:
    """Mark done, inside the transaction that stores the result; False when not ours any more."""
    now = timezone.now()
    return bool(_owned(job).update(state=State.DONE, finished_at=now, reason=""))


def fail(job: InferenceJob, *, reason: str, retry: bool) -> bool:
    """Give the job up with its reason, or put it back if it has attempts left and may succeed.

    True when it was put back.
    """
    again = retry and job.attempts < settings.INFERENCE_MAX_ATTEMPTS
    ours = _owned(job).update(
        state=State.QUEUED if again else State.FAILED,
        reason=reason,
        finished_at=None if again else timezone.now(),
    )
    return bool(ours and again)


def reap() -> list[int]:
    """Re-queue jobs whose worker stopped beating and return their ids.

    Past the cap they end as failed instead: a case that kills its worker must not kill forever.
    """
    stale = InferenceJob.objects.filter(
        state=State.RUNNING,
        heartbeat_at__lt=timezone.now() - timedelta(seconds=settings.INFERENCE_STALE_SECONDS),
    )
    spent = Q(attempts__gte=settings.INFERENCE_MAX_ATTEMPTS)
    with transaction.atomic():
        _give_up(
            stale.filter(spent), "The worker died at each attempt; the input may be the cause."
        )
        _give_up(
            InferenceJob.objects.filter(spent, state=State.QUEUED), "No attempt is left for it."
        )
        ids = list(stale.select_for_update().values_list("pk", flat=True))
        InferenceJob.objects.filter(pk__in=ids).update(
            state=State.QUEUED, reason="The worker stopped; queued again."
        )
    return ids


def _give_up(jobs: QuerySet[InferenceJob], reason: str) -> None:
    jobs.update(state=State.FAILED, finished_at=timezone.now(), reason=reason)


def retry_failed(*, cases: Iterable[Case], model_version: ModelVersion) -> int:
    """Give failed jobs of these cases all their attempts again; how many there were.

    Raises NotComputed.
    """
    require_computed(model_version)
    failed = InferenceJob.objects.filter(
        case__in=[case.pk for case in cases], model_version=model_version, state=State.FAILED
    )
    return failed.update(state=State.QUEUED, attempts=0, finished_at=None)


def waiting() -> list[int]:
    """The ids of all queued jobs, oldest first."""
    return list(InferenceJob.objects.filter(state=State.QUEUED).values_list("pk", flat=True))


def is_busy() -> bool:
    """Whether a worker has a job in hand."""
    return InferenceJob.objects.filter(state=State.RUNNING).exists()


def batches(job_ids: Iterable[int]) -> list[list[int]]:
    """Split jobs into the batches that a worker takes at once.

    A job that was tried before goes alone: if it is what kills the worker, it takes no others
    with it.
    """
    fresh, tried = [], []
    known = InferenceJob.objects.filter(pk__in=list(job_ids)).order_by("pk")
    for job_id, attempts in known.values_list("pk", "attempts"):
        (tried if attempts else fresh).append(job_id)
    size = settings.INFERENCE_BATCH_SIZE
    return [fresh[at : at + size] for at in range(0, len(fresh), size)] + [[pk] for pk in tried]
