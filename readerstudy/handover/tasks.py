"""Celery tasks: thin covers over the exports that were asked for."""

from celery.signals import worker_ready

from readerstudy.celery import app
from readerstudy.handover import asked


@app.task(name="readerstudy.handover.tasks.make")
def make() -> None:
    """Make what waits; a message that comes twice finds nothing to do."""
    asked.make_all()


@app.task(name="readerstudy.handover.tasks.reap")
def reap() -> None:
    """End exports whose worker died, and make what waits: messages may be lost."""
    asked.reap()
    asked.make_all()


@worker_ready.connect
def _catch_up(**_signal) -> None:
    """A worker that starts also makes what the last one left."""
    make.delay()
