"""Celery tasks: thin covers over the worker. Messages name a kind and the ids of rows."""

import logging
import os

from celery.signals import worker_ready
from django.core.exceptions import ImproperlyConfigured

from readerstudy.celery import app
from readerstudy.database_outages import outage, skipped_in_outages
from readerstudy.jobs import broker, dispatch, kinds, worker
from readerstudy.jobs.errors import WorkerBroken

log = logging.getLogger(__name__)


@app.task(name="jobs.run")
@skipped_in_outages
def run(kind: str, job_ids: list[int]) -> None:
    """Run a batch of jobs; a message that comes twice finds nothing to do."""
    of = kinds.get(kind)
    try:
        again = worker.run_jobs(of, job_ids).again
        dispatch.dispatch(of, set(again) & set(of.queue.waiting()))
        if of.then:
            dispatch.dispatch(kinds.get(of.then), kinds.get(of.then).queue.waiting())
    except WorkerBroken:
        # Not an exception, which Celery would take for the task's: its supervisor starts another.
        logging.shutdown()
        os._exit(worker.EXIT_OVERDUE)


@app.task(name="jobs.reap")
@skipped_in_outages
def reap(celery_queue: str) -> None:
    """Bring back jobs whose worker died, and send for what waits; beat calls this each minute."""
    for kind in kinds.of_celery_queue(celery_queue):
        try:
            again = kind.queue.reap().again
            dispatch.dispatch(kind, kind.queue.to_send_for(again))
        except Exception as error:
            if outage(error):
                raise
            log.exception("%s", kind.name)  # and the other kinds go on


@worker_ready.connect
def _require_usable(**_signal) -> None:
    """End a worker that could do no job of a kind that it would take: another one can."""
    for name in app.amqp.queues.consume_from:
        for kind in kinds.of_celery_queue(name):
            try:
                kind.require_usable()
            except ImproperlyConfigured as error:
                log.critical("%s", error)
                raise SystemExit(1) from None


@worker_ready.connect
def _catch_up(**_signal) -> None:
    """A worker that starts has the lost looked for, once it is through with the queue as it is.

    To send for all that waits at once would double the messages that are still there.
    """
    for name in app.amqp.queues.consume_from:
        broker.send(reap, [(name,)], queue=name)
