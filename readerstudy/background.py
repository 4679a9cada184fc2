"""What all work outside the web process shares: a heartbeat, and a process without Celery."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error, close_old_connections, connection

from readerstudy.outages import outage

if TYPE_CHECKING:
    from celery import Task

log = logging.getLogger(__name__)
BROKER_SECONDS = 2  # to reach the broker, and for each of its answers
BROKER_DOWN = "The message broker does not answer. What is queued starts when the broker is back."


@contextmanager
def heartbeat(beat: Callable[[], object], *, every: float) -> Iterator[None]:
    """In the block, call ``beat`` every so many seconds, from a thread: one step may take long.

    A heartbeat that the database does not take is told in the log; the next may go through.
    """
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(every):
            close_old_connections()
            try:
                beat()
            except Error as error:
                log.warning("A heartbeat was not written", exc_info=not outage(error))
        connection.close()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def send(task: "Task", calls: Iterable[tuple]) -> bool:
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
                task.apply_async(arguments, connection=connection, retry=False)
    except OperationalError as error:
        log.warning("%s (%s)", BROKER_DOWN, error)
        return False
    return True


def start_command(*arguments: str) -> None:
    """Start ``manage.py`` with these arguments as a process that outlives this one."""
    subprocess.Popen(  # noqa: S603 (our own interpreter and commands, no outside input)
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
