"""The Celery application: ``celery -A readerstudy worker -P solo -c 1`` does all its work."""

import atexit
import logging
from socket import gethostname

from celery import Celery
from celery.signals import beat_init, worker_ready, worker_shutdown
from kombu import Exchange, Queue

from readerstudy.jobs.broker import QUEUES
from readerstudy.operations.process_entry import load_settings

log = logging.getLogger(__name__)

load_settings()
app = Celery("readerstudy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name, Exchange(name), routing_key=name) for name in QUEUES]
app.autodiscover_tasks(["readerstudy.jobs"])
app.autodiscover_tasks(["readerstudy.jobs"], related_name="former_tasks")


@worker_ready.connect
def begin_as_worker(sender, **_signal) -> None:
    """Say that this worker lives."""
    from readerstudy.monitoring import signs_of_life

    signs_of_life.begin(sender.hostname, "worker", queues=tuple(app.amqp.queues.consume_from))


@worker_shutdown.connect
def end_as_worker(sender, **_signal) -> None:
    """It ends as it was told to."""
    from readerstudy.monitoring import signs_of_life

    signs_of_life.end(sender.hostname)


@beat_init.connect
def begin_as_beat(**_signal) -> None:
    """Say that beat lives, until it ends as it was told to, of which Celery has no signal."""
    from readerstudy.monitoring import signs_of_life

    name = f"beat@{gethostname()}"
    atexit.register(signs_of_life.end, name)
    signs_of_life.begin(name, "beat")


@worker_ready.connect
def warn_of_queues_left(**_signal) -> None:
    """Of what a worker started with ``-Q`` leaves to others: where there are none, it waits."""
    if left := [name for name in QUEUES if name not in app.amqp.queues.consume_from]:
        log.warning("This worker takes nothing from %s: another one must", " and ".join(left))
