"""Celery tasks: thin covers over the exports that were asked for."""

from celery.signals import worker_ready

from readerstudy.background import send
from readerstudy.celery import app
from readerstudy.exchange.bundles import export_queue
from readerstudy.outages import skipped_in_outages


@app.task(name="readerstudy.handover.tasks.make")
@skipped_in_outages
def make() -> None:
    """Make what waits; a message that comes twice finds nothing to do."""
    export_queue.run_waiting_exports()


@app.task(name="readerstudy.handover.tasks.reap")
@skipped_in_outages
def reap() -> None:
    """End exports whose worker died, and make what waits: messages may be lost."""
    export_queue.reap()
    export_queue.run_waiting_exports()


@worker_ready.connect
def _catch_up(**_signal) -> None:
    """A worker that starts also makes what the last one left."""
    send(make, [()])
