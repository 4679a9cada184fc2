"""Being told to stop: a first signal asks, a second one insists."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_requested() -> Iterator[threading.Event]:
    """Within the block SIGTERM and Ctrl-C set the event, for work to end in good order.

    Once it is set, the next such signal raises KeyboardInterrupt. Outside the main thread, where
    Python takes no signals, nothing sets it.
    """
    requested = threading.Event()

    def ask(*_) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {sign: signal.signal(sign, ask) for sign in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield requested
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
