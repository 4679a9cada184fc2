"""Signs of life of work that may take long, and its end if it hangs."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, close_old_connections, connection

from readerstudy.database_outages import outage

log = logging.getLogger(__name__)
SECONDS_AFTER_FAILURE = 0.5


@contextmanager
def heartbeat(
    beat: Callable[[], object],
    *,
    every: float,
    seconds: float | None = None,
    overdue: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """In the block, call ``beat`` every so many seconds, from a thread: one step may take long.

    After ``seconds`` it calls ``overdue`` instead, once: what hangs in a driver or on a lost disk
    can't be ended by an exception. A heartbeat that the database does not take is one line in the
    log; the next may go through.
    """
    stop = threading.Event()
    end = time.monotonic() + seconds if seconds is not None else float("inf")

    def go_on() -> None:
        pause = every
        while not stop.wait(max(min(pause, end - time.monotonic()), 0)):
            close_old_connections()
            if time.monotonic() >= end:
                if not stop.is_set():
                    overdue()
                break
            pause = every
            try:
                beat()
            except Error as error:
                log.warning("A heartbeat was not written", exc_info=not outage(error))
                # Soon again: whoever looks for the dead may be back as soon as the database.
                pause = min(every, SECONDS_AFTER_FAILURE)
        connection.close()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
