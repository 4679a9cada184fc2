"""Celery tasks: thin covers over the runs and their files.

This module is imported by the web process to send messages, so SciPy stays behind the door.
"""

from celery.signals import worker_ready

from analysis import file_set_queue, runs
from analysis.models import AnalysisRun
from readerstudy.background import send
from readerstudy.celery import app
from readerstudy.outages import skipped_in_outages


@app.task(name="analysis.tasks.execute")
@skipped_in_outages
def execute(run_id: int) -> None:
    """Execute a run and make its files; a message that comes twice finds nothing to do."""
    from analysis.execution import execute as execute_now

    run = execute_now(run_id)
    if run and run.state == AnalysisRun.State.DONE:
        draw(run_id)


@app.task(name="analysis.tasks.draw")
@skipped_in_outages
def draw(run_id: int) -> None:
    """Make those of a run's files that are not there; nothing to do where another process does."""
    from analysis.make_run_files import make_run_files as draw_now

    draw_now(AnalysisRun.objects.select_related("study__protocol").get(pk=run_id))


@app.task(name="analysis.tasks.reap")
@skipped_in_outages
def reap() -> None:
    """End runs whose worker died, and send again for what waits: messages may be lost."""
    runs.reap()
    send(execute, [(run_id,) for run_id in runs.waiting()])
    file_set_queue.reap()
    send(draw, [(run.pk,) for run in file_set_queue.waiting()])


@worker_ready.connect
def _catch_up(**_signal) -> None:
    """A worker that starts also sends for runs whose message was lost with the last worker."""
    reap()
