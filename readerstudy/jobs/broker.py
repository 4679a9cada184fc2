"""Messages to workers: whether the broker took them is known soon, and never fails a page."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celery import Task

log = logging.getLogger(__name__)
INFERENCE, IMPORTS, ANALYSIS = QUEUES = ("inference", "imports", "analysis")
"""Celery's queues. Each can have workers of its own: a long run of the model holds up nothing
else."""
BROKER_SECONDS = 2  # to reach the broker, and for each of its answers
BROKER_DOWN = "The message broker does not answer. What is queued starts when the broker is back."


def send(task: "Task", calls: Iterable[tuple], *, queue: str) -> bool:
    """Send a message for each of these calls of a task; whether the broker took them all.

    The row that waits is the truth: where the broker does not answer, which is known after some
    seconds, beat sends for what waits once it does again.
    """
    from kombu.exceptions import OperationalError

    # A connection of its own: the pool's would try for longer than a page can wait.
    patience = {
        "max_retries": 0,
        "socket_connect_timeout": BROKER_SECONDS,
        "socket_timeout": BROKER_SECONDS,
    }
    try:
        with task.app.connection_for_write(transport_options=patience) as connection:
            for arguments in calls:
                task.apply_async(arguments, connection=connection, retry=False, queue=queue)
    except OperationalError as error:
        log.warning("%s (%s)", BROKER_DOWN, error)
        return False
    return True
