"""Celery tasks: thin covers over the queue and the runner.

This module is imported by the web process to send messages, so torch stays behind the door.
"""

from celery.signals import worker_ready

from inference import queue
from readerstudy.celery import app


@app.task(name="inference.tasks.run_job")
def run_job(job_id: int) -> None:
    """Run one job; a message that comes twice finds nothing to do."""
    from inference.runner import Outcome, run

    if run(job_id) is Outcome.RETRY:
        run_job.delay(job_id)


@app.task(name="inference.tasks.reap")
def reap() -> None:
    """Bring back jobs whose worker died; beat calls this each minute."""
    for job_id in queue.reap():
        run_job.delay(job_id)


@worker_ready.connect
def _catch_up(**_signal) -> None:
    """A worker that starts also sends for jobs whose message was lost with the last worker."""
    queue.reap()
    for job_id in queue.waiting():
        run_job.delay(job_id)
