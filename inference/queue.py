"""The job queue is a table: put work in, claim it, finish it, bring back what a dead worker held.

Every step is one conditional UPDATE, so any number of workers, re-delivered messages and
repeated calls do the work once.
"""

import hashlib
import os
import socket
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from inference.models import InferenceJob, ModelVersion
from readerstudy.studies.models import Case, Image

State = InferenceJob.State


class NotComputed(ValueError):
    """A model version that can't be run; the message says why."""


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


def claim(job_id: int, *, counts_as_strike: bool = True) -> InferenceJob | None:
    """Take a queued job for this worker; None when it is not (or no longer) to be done.

    A claim that ``counts_as_strike`` is one until the job is done or put back. One for a batch is
    none, since whatever befalls the batch may be another job's doing; only a job never tried before
    gets it.
    """
    open_to_it = (
        Q(strikes__lt=settings.INFERENCE_MAX_ATTEMPTS) if counts_as_strike else Q(attempts=0)
    )
    taken = InferenceJob.objects.filter(open_to_it, pk=job_id, state=State.QUEUED).update(
        state=State.RUNNING,
        attempts=F("attempts") + 1,
        strikes=F("strikes") + int(counts_as_strike),
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


def put_back(jobs: Iterable[InferenceJob]) -> None:
    """Queue these jobs again as if they had not been claimed: their worker was told to stop, or
    could not reach the database."""
    for job in jobs:
        _owned(job).update(
            state=State.QUEUED,
            strikes=max(job.strikes - 1, 0),
            reason="The worker had to stop; queued again.",
        )


def fail(job: InferenceJob, *, reason: str, retry: bool) -> State | None:
    """Give the job up with its reason, or queue it again if it has attempts left and may succeed.

    The state that it is in now; None when it is not ours any more.
    """
    again = retry and job.strikes < settings.INFERENCE_MAX_ATTEMPTS
    state = State.QUEUED if again else State.FAILED
    ours = _owned(job).update(
        state=state, reason=reason, finished_at=None if again else timezone.now()
    )
    return state if ours else None


class ReapedJobs(NamedTuple):
    """Ids of the jobs that a dead worker held."""

    again: list[int]
    """Queued again."""
    given_up: list[int]
    """Failed: no attempt is left."""


def reap() -> ReapedJobs:
    """Re-queue jobs whose worker stopped beating.

    Past the cap they end as failed instead: a case that kills its worker must not kill forever.
    """
    stale = InferenceJob.objects.filter(
        state=State.RUNNING,
        heartbeat_at__lt=timezone.now() - timedelta(seconds=settings.INFERENCE_STALE_SECONDS),
    )
    spent = Q(strikes__gte=settings.INFERENCE_MAX_ATTEMPTS)
    with transaction.atomic():
        given_up = _end_as(
            stale.filter(spent),
            state=State.FAILED,
            finished_at=timezone.now(),
            reason="The worker died each time it ran this case alone; the case may be the cause.",
        ) + _end_as(
            InferenceJob.objects.filter(spent, state=State.QUEUED),
            state=State.FAILED,
            finished_at=timezone.now(),
            reason="No attempts are left.",
        )
        again = _end_as(stale, state=State.QUEUED, reason="The worker stopped; queued again.")
    return ReapedJobs(again, given_up)


def _end_as(jobs: QuerySet[InferenceJob], **fields) -> list[int]:
    """Update these jobs, held under lock, and return their ids."""
    ids = list(jobs.select_for_update().values_list("pk", flat=True))
    InferenceJob.objects.filter(pk__in=ids).update(**fields)
    return ids


def retry_failed(*, cases: Iterable[Case], model_version: ModelVersion) -> int:
    """Give failed jobs of these cases all their attempts again; how many there were.

    Raises NotComputed.
    """
    require_computed(model_version)
    failed = InferenceJob.objects.filter(
        case__in=[case.pk for case in cases], model_version=model_version, state=State.FAILED
    )
    return failed.update(state=State.QUEUED, strikes=0, finished_at=None)


def waiting() -> list[int]:
    """The ids of all queued jobs, oldest first."""
    return list(InferenceJob.objects.filter(state=State.QUEUED).values_list("pk", flat=True))


def count_waiting() -> int:
    """How many jobs are queued."""
    return InferenceJob.objects.filter(state=State.QUEUED).count()


def peek_batch() -> list[int]:
    """The first of the ``batches`` of all waiting jobs, not claimed by this; empty if none."""
    queued = InferenceJob.objects.filter(state=State.QUEUED)
    fresh = queued.filter(attempts=0).order_by("pk")[: settings.INFERENCE_BATCH_SIZE]
    tried = queued.order_by("strikes", "pk")[:1]
    return list(fresh.values_list("pk", flat=True)) or list(tried.values_list("pk", flat=True))


def is_busy() -> bool:
    """Whether a worker has a job in hand."""
    return InferenceJob.objects.filter(state=State.RUNNING).exists()


def batches(job_ids: Iterable[int]) -> list[list[int]]:
    """Split those of these jobs that wait into the batches that a worker takes at once.

    A job that was tried before goes alone: if it is what kills the worker, it takes no others
    with it. Those tried least go first.
    """
    fresh, tried = [], []
    waiting = InferenceJob.objects.filter(pk__in=list(job_ids), state=State.QUEUED)
    for job_id, attempts in waiting.order_by("strikes", "pk").values_list("pk", "attempts"):
        (tried if attempts else fresh).append(job_id)
    size = settings.INFERENCE_BATCH_SIZE
    return [fresh[at : at + size] for at in range(0, len(fresh), size)] + [[pk] for pk in tried]
