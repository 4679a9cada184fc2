"""Rows of one kind as a queue: claim a job, finish it, bring back what a dead worker held.

Every step is one conditional UPDATE, so any number of workers, repeated messages and clicks do the
work once. Nothing heavy is loaded here.
"""

import os
import socket
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from readerstudy.jobs.errors import TryLater
from readerstudy.jobs.models import Job
from readerstudy.jobs.retry_policy import Limits, pause_after

LONGEST_REASON = 2000  # characters
J = TypeVar("J", bound=Job)


class ReapedJobs(NamedTuple):
    """Ids of the jobs that a dead worker held."""

    again: list[int]
    """Queued again."""
    given_up: list[int]
    """Failed: no attempt is left."""


class Queue(Generic[J]):
    """The jobs of a model. A kind with ways of its own overrides what differs."""

    died = "The worker died each time it ran this job."
    hung = "The job hung each time it was run: it was ended at its deadline."

    def __init__(self, model: type[J], *, limits: Limits, related: tuple[str, ...] = ()):
        self.model = model
        self.limits = limits
        self.related = related

    @transaction.atomic
    def claim(self, job_ids: Iterable[int]) -> list[J]:
        """Take these jobs for this worker, as far as they are (still) to be done.

        One that is claimed alone has a strike until it is done or put back. Several together have
        none, since whatever befalls them may be another one's doing; only jobs never tried before
        are claimed so.
        """
        job_ids = list(job_ids)
        is_alone = len(job_ids) == 1
        claimed = [pk for pk in job_ids if self._take(pk, is_alone=is_alone)]
        jobs = self.model.objects.select_related(*self.related).in_bulk(claimed)
        return [jobs[pk] for pk in claimed]

    def _take(self, pk: int, *, is_alone: bool) -> bool:
        now = timezone.now()
        open_to_it = Q(strikes__lte=self.limits.highest_strikes) if is_alone else Q(attempts=0)
        return any(
            self.model.objects.filter(open_to_it, _is_due(now), pk=pk, state=waiting).update(
                state=running,
                attempts=F("attempts") + 1,
                strikes=F("strikes") + int(is_alone),
                worker=f"{socket.gethostname()}:{os.getpid()}"[:100],
                heartbeat_at=now,
                deadline_at=now + self.limits.deadline,
                not_before=None,
            )
            for waiting, running in self.model.RUNNING_STATES.items()
        )

    def owned(self, job: J) -> QuerySet[J]:
        """The job's row, as long as it is where this worker has it."""
        return self.model.objects.filter(pk=job.pk, state=job.state, attempts=job.attempts)

    def beat(self, jobs: Iterable[J]) -> int:
        """Say that the worker of these jobs lives; how many are still its own and unfinished."""
        now = timezone.now()
        return sum(self.owned(job).update(heartbeat_at=now) for job in jobs)

    def note_progress(self, job: J, **columns) -> bool:
        """Store how far a job is; whether it is still this worker's."""
        return bool(self.owned(job).update(heartbeat_at=timezone.now(), **columns))

    def finish(self, job: J, *, state: str = Job.State.DONE, **columns) -> bool:
        """Mark done, inside the transaction that stores the result; False when not ours any more.

        Others that waited for the same cause are due now.
        """
        ended = {"state": state, "finished_at": timezone.now(), "reason": "", "cause": ""}
        is_ours = bool(self.owned(job).update(**ended | columns))
        if is_ours and job.cause:
            waiting = self._waiting().filter(cause=job.cause)
            waiting.update(cause="", pauses=0, not_before=timezone.now())
        return is_ours

    def put_back(self, jobs: Iterable[J], *, reason: str) -> None:
        """Queue jobs again as if they had not been claimed: it is nothing that they did."""
        for job in jobs:
            self._put(job, strikes=max(job.strikes - 1, 0), reason=reason)

    def _put(self, job: J, *, reason: str, **columns) -> bool:
        """Have a job wait again; whether it was still where it was seen."""
        waits_as = {running: waiting for waiting, running in self.model.RUNNING_STATES.items()}
        # A sign of life: no second process is started for it at once.
        columns |= {"reason": _stored(reason), "heartbeat_at": timezone.now(), "deadline_at": None}
        return bool(self.owned(job).update(state=waits_as[job.state], **columns))

    @transaction.atomic
    def wait(self, jobs: Iterable[J], error: TryLater) -> None:
        """Have jobs tried again after a pause; those with no attempt left fail."""
        pauses = 0
        for job in jobs:
            strikes = job.strikes if error.counts_as_strike else max(job.strikes - 1, 0)
            if error.counts_as_strike and self.limits.are_spent(strikes):
                self.fail(job, reason=str(error))
                continue
            pauses = max(pauses, job.pauses + 1)
            self._put(job, strikes=strikes, reason=str(error), **_pause(pauses, error.cause))
        if error.others is not None:
            together = _pause(max(pauses, 1), error.cause) | {"reason": _stored(str(error))}
            self._waiting().filter(error.others).update(**together)

    @transaction.atomic
    def fail(self, job: J, *, reason: str) -> bool:
        """Give the job up with its reason, if it is still where it was seen; whether it was."""
        columns = {"state": self.model.State.FAILED, "finished_at": timezone.now(), "cause": ""}
        reason = _stored(reason)
        is_ours = bool(self.owned(job).update(reason=reason, **columns))
        if is_ours:
            self.on_failed(job, reason=reason)
        return is_ours

    def queue_again(self, jobs: QuerySet[J]) -> int:
        """Give those of these jobs that have ended all their attempts again; how many."""
        ended = jobs.filter(state__in=[self.model.State.DONE, self.model.State.FAILED])
        return ended.update(
            state=self.model.State.QUEUED, strikes=0, pauses=0, not_before=None, finished_at=None,
            heartbeat_at=timezone.now(), reason="", cause="",
        )  # fmt: skip

    def on_failed(self, job: J, *, reason: str) -> None:
        """What else belongs to a job's failure, in the same transaction."""

    def reap(self) -> ReapedJobs:
        """Queue again what a worker held that stopped beating or is past its deadline.

        Past the cap they end as failed instead: a job that kills its worker must not kill forever.
        """
        reaped = ReapedJobs([], [])
        with transaction.atomic():
            # A row that somebody has locked is in living hands: no page waits for those.
            lost = self._lost().select_for_update(of=("self",), skip_locked=True)
            for job in lost.select_related(*self.related):
                if not self.limits.are_spent(job.strikes):
                    if self._put(job, reason="The worker stopped; queued again."):
                        reaped.again.append(job.pk)
                elif self.fail(job, reason=self.died):
                    reaped.given_up.append(job.pk)
            spent = self._waiting().filter(strikes__gt=self.limits.highest_strikes)
            spent = spent.select_for_update(of=("self",), skip_locked=True)
            for job in spent.select_related(*self.related):
                if self.fail(job, reason="No attempts are left."):
                    reaped.given_up.append(job.pk)
        return reaped

    def has_lost(self) -> bool:
        """Whether there is something to reap."""
        return self._lost().exists()

    def _lost(self) -> QuerySet[J]:
        """Jobs in the hands of a worker that stopped beating, or let their deadline pass."""
        before = timezone.now() - self.limits.stale
        return self._running().filter(Q(heartbeat_at__lt=before) | Q(deadline_at__lt=before))

    def waiting(self) -> list[int]:
        """The ids of all jobs that may be begun now, oldest first."""
        return list(self.due().order_by("pk").values_list("pk", flat=True))

    def due(self) -> QuerySet[J]:
        """The jobs that may be begun now."""
        return self._waiting().filter(_is_due(timezone.now()))

    def take_due(self) -> list[int]:
        """The ids of the jobs whose pause is over; they count as sent for from now on."""
        over = self._waiting().filter(not_before__lte=timezone.now())
        ids = list(over.values_list("pk", flat=True))
        self._waiting().filter(pk__in=ids).update(not_before=None)
        return ids

    def to_send_for(self, again: list[int]) -> list[int]:
        """Of which jobs a worker must hear now that those ``again`` are queued again: messages may
        be lost, and a job whose pause is over has none."""
        return self.waiting()

    def batches(self, job_ids: Iterable[int]) -> list[list[int]]:
        """Those of these jobs that wait, split into those that a worker takes at once."""
        waiting = self._waiting().filter(pk__in=list(job_ids)).order_by("pk")
        return [[pk] for pk in waiting.values_list("pk", flat=True)]

    def next_batch(self) -> list[int]:
        """What a worker takes first of all that waits, not claimed by this; empty if none."""
        return self.waiting()[:1]

    def seconds_to_wait(self) -> float | None:
        """Until the first job's pause is over; None when none waits."""
        first = self._waiting().exclude(not_before=None).order_by("not_before").first()
        return first and max((first.not_before - timezone.now()).total_seconds(), 0)

    def take_forgotten(self) -> list[int]:
        """The ids of the jobs that may be begun, for which a process was started that gave no sign.

        They count as started for anew. Where a process is at work, it will come to them.
        """
        if self.is_busy():
            return []
        now = timezone.now()
        before = now - self.limits.stale
        silent = Q(heartbeat_at__lt=before) | Q(heartbeat_at=None, created_at__lt=before)
        ids = list(self.due().filter(silent).values_list("pk", flat=True))
        self._waiting().filter(pk__in=ids).update(heartbeat_at=now)
        return ids

    def is_busy(self) -> bool:
        """Whether a worker has a job in hand."""
        return self._running().exists()

    def _running(self) -> QuerySet[J]:
        return self.model.objects.filter(state__in=self.model.RUNNING_STATES.values())

    def _waiting(self) -> QuerySet[J]:
        return self.model.objects.filter(state__in=list(self.model.RUNNING_STATES))


def _stored(reason: str) -> str:
    """As the database takes it and a page shows it: it may hold what somebody else wrote."""
    return reason.replace("\x00", "\\0")[:LONGEST_REASON]


def _is_due(now) -> Q:
    return Q(not_before=None) | Q(not_before__lte=now)


def _pause(pauses: int, cause: str) -> dict:
    until = timezone.now() + pause_after(pauses - 1)
    return {"pauses": pauses, "not_before": until, "cause": cause}
