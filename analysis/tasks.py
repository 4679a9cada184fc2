"""Celery tasks: thin covers over the runs.

This module is imported by the web process to send messages, so SciPy stays behind the door.
"""

from celery.signals import worker_ready

from analysis import runs
from readerstudy.celery import app


@app.task(name="analysis.tasks.execute")
def execute(run_id: int) -> None:
    """Execute a run; a message that comes twice finds nothing to do."""
    from analysis.execution import execute as execute_now

    execute_now(run_id)


@app.task(name="analysis.tasks.reap")
def reap() -> None:
    """End runs whose worker died, and send again for those that wait: messages may be lost."""
    runs.reap()
    for run_id in runs.waiting():
        execute.delay(run_id)


@worker_ready.connect
def _catch_up(**_signal) -> None:
    """A worker that starts also sends for runs whose message was lost with the last worker."""
    reap()
