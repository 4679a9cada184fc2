"""Celery tasks: thin covers over the queue and the runner.

This module is imported by the web process to send messages, so torch stays behind the door.
"""

from collections.abc import Iterable

from celery.signals import worker_ready

from inference import queue
from readerstudy import background
from readerstudy.celery import app
from readerstudy.outages import skipped_in_outages


@app.task(name="inference.tasks.run_jobs")
@skipped_in_outages
def run_jobs(job_ids: list[int]) -> None:
    """Run a batch of jobs; a message that comes twice finds nothing to do."""
    from inference.runner import run

    send(run(job_ids).again)


def send(job_ids: Iterable[int]) -> bool:
    """Send for jobs, in batches; whether the broker took them all."""
    return background.send(run_jobs, [(batch,) for batch in queue.batches(job_ids)])


@app.task(name="inference.tasks.reap")
@skipped_in_outages
def reap() -> None:
    """Bring back jobs whose worker died; beat calls this each minute.

    When nothing runs although jobs wait, their messages were lost: they are sent for again.
    """
    brought_back = queue.reap().again
    send(brought_back if queue.is_busy() else queue.waiting())


@worker_ready.connect
def _catch_up(**_signal) -> None:
    """A worker that starts has the lost looked for, once it is through with the queue as it is.

    To send for all that waits at once would double the messages that are still there.
    """
    background.send(reap, [()])
