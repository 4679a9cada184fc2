"""What all work outside the web process shares: a heartbeat, and a process without Celery."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

log = logging.getLogger(__name__)


@contextmanager
def beating(beat: Callable[[], object], *, every: float) -> Iterator[None]:
    """In the block, call ``beat`` every so many seconds, from a thread: one step may take long.

    A heartbeat that the database does not take is told in the log; the next may go through.
    """
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(every):
            close_old_connections()
            try:
                beat()
            except DatabaseError:
                log.warning("A heartbeat was not written", exc_info=True)
        connection.close()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def start_command(*arguments: str) -> None:
    """Start ``manage.py`` with these arguments as a process that outlives this one."""
    subprocess.Popen(  # noqa: S603 (our own interpreter and commands, no outside input)
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
