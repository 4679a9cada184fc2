"""What a worker does with jobs: claim, give signs of life, run, and end each as it ended."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import Error

from readerstudy.database_outages import (
    PATIENCE_SECONDS,
    SECONDS_BETWEEN_ATTEMPTS,
    outage,
    wait_for_database,
)
from readerstudy.jobs.errors import JobFailed, JobLost, TryLater, WorkerBroken
from readerstudy.jobs.heartbeat import heartbeat
from readerstudy.jobs.kinds import Kind
from readerstudy.jobs.models import Job

log = logging.getLogger(__name__)

STOPPED = "The worker had to stop; queued again."
LONGEST_SLEEP = 60  # seconds, after which it is asked anew what waits
INSIST_SECONDS = 30
ABANDONED_SECONDS = 15  # what is done is left sooner than that
EXIT_OVERDUE = 75  # EX_TEMPFAIL: a new process may do better


@dataclass
class Outcome:
    """Ids of the jobs that a worker had, by how they ended."""

    done: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    """They wait again."""

    def add(self, other: "Outcome") -> None:
        """Count in what came of further jobs."""
        self.done += other.done
        self.failed += other.failed
        self.again += other.again


def run_jobs(kind: Kind, job_ids: Iterable[int]) -> Outcome:
    """Do those of these jobs that are still to be done, in the queue's batches.

    A worker told to stop in between (KeyboardInterrupt, SystemExit) puts back what it has in hand.
    Raises WorkerBroken, after the same, where the process had better end.
    """
    outcome = Outcome()
    for batch in kind.queue.batches(job_ids):
        outcome.add(_run_together(kind, batch))
    return outcome


def run_waiting(kind: Kind, stop: threading.Event | None = None) -> Iterator[Outcome]:
    """Empty the queue: what came of each batch. Sleeps while jobs wait for a pause to be over."""
    stop = stop or threading.Event()
    queue = kind.queue
    while not stop.is_set():
        if given_up := queue.reap().given_up:
            yield Outcome(failed=given_up)
        if batch := queue.next_batch():
            yield run_jobs(kind, batch)
        elif (seconds := queue.seconds_to_wait()) is not None:
            stop.wait(min(seconds, LONGEST_SLEEP))
        else:
            return


def _run_together(kind: Kind, job_ids: list[int]) -> Outcome:
    queue = kind.queue
    run = kind.load()  # first: what this machine lacks is no job's fault
    jobs: list[Job] = []
    try:
        jobs += queue.claim(job_ids)
        if jobs:
            with heartbeat(
                SignOfLife(kind, jobs),
                every=queue.limits.heartbeat_seconds,
                seconds=queue.limits.deadline.total_seconds(),
                overdue=lambda: _end_overdue(kind, jobs),
            ):
                run(jobs)
    except (KeyboardInterrupt, SystemExit):
        queue.put_back(jobs, reason=STOPPED)
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, the jobs end by it)
        settle(kind, jobs, error)
    return _outcome(kind, jobs)


def settle(kind: Kind, jobs: Sequence[Job], error: Exception) -> None:
    """End jobs that this error met, as the error says. Raises WorkerBroken."""
    queue = kind.queue
    if isinstance(error, WorkerBroken):
        log.critical("%s %s: %s", kind.name, [job.pk for job in jobs], error)
        queue.wait(jobs, TryLater(str(error)))
        raise error
    ids = [job.pk for job in jobs]
    if isinstance(error, JobLost):
        log.warning("%s %s was taken away from this worker", kind.name, ids)
    elif isinstance(error, TryLater):
        log.warning("%s %s waits for %s", kind.name, ids, error.cause or "what may pass")
        queue.wait(jobs, error)
    elif found := outage(error):
        log.warning("%s; waiting for it", found.log_text)
        if isinstance(error, Error):
            wait_for_database()
        # With a pause: what meets it each time, as a query that is always cancelled, must not spin.
        _until_stored(lambda: queue.wait(jobs, TryLater(f"{found.log_text}.")))
    else:
        is_explained = isinstance(error, JobFailed)
        trace = error if error.__cause__ or not is_explained else None
        log.error("%s %s failed", kind.name, ids, exc_info=trace)
        reason = str(error) if is_explained else in_short(error)
        for job in jobs:
            queue.fail(job, reason=reason)


def in_short(error: Exception) -> str:
    """An unforeseen error as a reason. A database's own words may hold what stands in a row."""
    name = type(error).__name__
    return name if isinstance(error, Error) else f"{name}: {error}"


def _until_stored(write: Callable[[], None]) -> None:
    """Write once the database takes it: a disk that is full stays so for a while."""
    given_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return write()
        except Error as error:
            if not outage(error) or time.monotonic() > given_up:
                raise
        time.sleep(SECONDS_BETWEEN_ATTEMPTS)


class SignOfLife:
    """Says that the worker of these jobs lives, and ends this process where they are no longer its
    own, having been cancelled say, and it goes on all the same: it may hang, or compute for hours.
    """

    def __init__(self, kind: Kind, jobs: list[Job]):
        self._kind, self._jobs = kind, jobs
        self._taken_away_at: float | None = None

    def __call__(self) -> None:
        if self._kind.queue.beat(self._jobs):
            self._taken_away_at = None
            return
        now = time.monotonic()
        self._taken_away_at = self._taken_away_at or now
        if now - self._taken_away_at >= ABANDONED_SECONDS:
            ids = [job.pk for job in self._jobs]
            log.warning("%s %s was taken away; the process ends", self._kind.name, ids)
            logging.shutdown()
            os._exit(EXIT_OVERDUE)


def _end_overdue(kind: Kind, jobs: list[Job]) -> None:
    """End this process: what it does hangs, and can't be ended in any other way."""
    # The database may be what hangs.
    insist = threading.Timer(INSIST_SECONDS, os._exit, [EXIT_OVERDUE])
    insist.daemon = True
    insist.start()
    with suppress(Error):
        if not kind.queue.beat(jobs):
            insist.cancel()
            return  # they have ended in this very moment
    log.critical("%s %s hung; the process ends at its deadline", kind.name, [j.pk for j in jobs])
    try:
        kind.queue.wait(jobs, TryLater(kind.queue.hung, counts_as_strike=True))
    finally:
        logging.shutdown()
        os._exit(EXIT_OVERDUE)


def _outcome(kind: Kind, jobs: list[Job]) -> Outcome:
    """Where the jobs that this worker had are now."""
    State = kind.queue.model.State
    states = kind.queue.model.objects.in_bulk([job.pk for job in jobs])
    outcome = Outcome()
    for job in jobs:
        row = states.get(job.pk)
        if row is None or row.attempts != job.attempts:
            continue  # gone, or another worker's by now
        if row.state in (State.DONE, State.FAILED):
            (outcome.done if row.state == State.DONE else outcome.failed).append(job.pk)
        elif row.state in row.RUNNING_STATES:
            outcome.again.append(job.pk)
    return outcome
