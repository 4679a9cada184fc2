"""The Celery application: ``celery -A readerstudy worker -P solo -c 1`` does all its work."""

import logging

from celery import Celery
from celery.signals import worker_ready
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
def warn_of_queues_left(**_signal) -> None:
    """Of what a worker started with ``-Q`` leaves to others: where there are none, it waits."""
    if left := [name for name in QUEUES if name not in app.amqp.queues.consume_from]:
        log.warning("This worker takes nothing from %s: another one must", " and ".join(left))
