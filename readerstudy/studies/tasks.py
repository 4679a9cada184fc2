"""Celery tasks: thin covers over the imports.

This module is imported by the web process to send messages, so decoders stay behind the door.
"""

from celery.signals import worker_ready

from readerstudy.background import send
from readerstudy.celery import app
from readerstudy.outages import skipped_in_outages
from readerstudy.studies.imports import queue


@app.task(name="readerstudy.cohorts.tasks.work")
@skipped_in_outages
def work(job_id: int) -> None:
    """Do the step that an import waits for; a message that comes twice finds nothing to do."""
    from readerstudy.studies.imports.execution import run_waiting_step

    run_waiting_step(job_id)


@app.task(name="readerstudy.cohorts.tasks.reap")
@skipped_in_outages
def reap() -> None:
    """Bring back imports whose worker died, and send again for those that wait: messages may be
    lost."""
    queue.reap()
    send(work, [(job_id,) for job_id in queue.waiting()])


@worker_ready.connect
def _catch_up(**_signal) -> None:
    """A worker that starts also sends for imports whose message was lost with the last worker."""
    reap()
