"""Who is connected, and for how long a connection may keep the site waiting."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 15.0
"""For a request's line and headers, from the connection or their first byte on."""
HEAD_BYTES = 64 * 1024
PATIENCE_SECONDS = 15.0
"""For a body or an answer, besides what its bytes may take at the least rate."""
LEAST_RATE = 4 * 1024
"""Bytes a second."""
DRAIN_SECONDS = 5.0
"""For what still comes of a body that nobody wants, so that its sender gets to read why."""
HELD_BYTES = 64 * 1024 * 1024
"""Of all bodies that are in memory and not complete, in one process."""
SWEEP_SECONDS = 0.5


class Connection(HttpToolsProtocol):
    """One client's connection: uvicorn's, which also knows since when it keeps the site waiting."""

    def __init__(self, config, server_state, app_state, _loop=None):
        super().__init__(config, server_state, {**app_state, "connection": self}, _loop)
        self._crowd: Crowd = app_state["crowd"]
        self.waiting_since: float | None = None  # for the rest of a request; None: it is complete
        self.is_at_work = False
        self.held = 0  # bytes of a body in memory
        self._unanswered = 0  # requests whose headers are complete
        self._in_head = False
        self._head_bytes = 0
        self._drain_until: float | None = None
        self._sending_since: float | None = None
        self._sent = 0

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self.waiting_since = time.monotonic()
        self._crowd.add(self)

    def connection_lost(self, exc) -> None:
        self._crowd.discard(self)
        super().connection_lost(exc)

    def eof_received(self) -> bool:
        """Its client sends no more, but may still read: keep the line for the answers to whole
        requests. Under TLS a line is never half open."""
        if self.scheme != "http" or not self._unanswered or self.waiting_since is not None:
            return False
        self.cycle.keep_alive = False  # of the last request: after its answer the line ends
        return True

    def data_received(self, data: bytes) -> None:
        if self.waiting_since is None and not self._unanswered:
            self.waiting_since = time.monotonic()
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.abort()

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.waiting_since = time.monotonic()  # for its body, unless there is none
        self._unanswered += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        # After a drain uvicorn's own clock for idle connections does not run: then ours does.
        self.waiting_since = time.monotonic() if self._drain_until else None
        self._drain_until = None
        super().on_message_complete()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Context: a thread works on its request."""
        self.is_at_work = True
        try:
            yield
        finally:
            self.is_at_work = False

    def hold(self, count: int) -> None:
        """So many bytes more of its body are in memory."""
        self._crowd.hold(self, count)

    def sending(self, count: int) -> None:
        """So many bytes more are to be sent."""
        self._sent += count

    def answered(self) -> None:
        """A request has its answer, which may still be on its way; its body may still come."""
        self._unanswered -= 1
        self._crowd.let_go(self)
        if self._unanswered:
            return
        if self._in_head:  # of the next one
            self.waiting_since = time.monotonic()
        elif self.waiting_since is not None:
            self._drain_until = time.monotonic() + DRAIN_SECONDS

    @property
    def is_gone(self) -> bool:
        return self.transport.is_closing()

    def abort(self) -> None:
        """End it at once, whatever is still to be sent."""
        self._crowd.discard(self)
        self.transport.abort()

    def is_overdue(self, now: float) -> bool:
        """Whether the site has waited long enough for this client."""
        if self._drain_until is not None:
            return now > self._drain_until
        in_head = self.waiting_since is not None and not self._unanswered
        if in_head and now - self.waiting_since > HEAD_SECONDS:
            return True
        if not self.transport.get_write_buffer_size():
            self._sending_since, self._sent = None, 0
            return False
        self._sending_since = self._sending_since or now
        return now - self._sending_since > PATIENCE_SECONDS + self._sent / LEAST_RATE


class Crowd:
    """All connections of this process, oldest first: the most that there may be of them, and of
    what they hold in memory."""

    def __init__(self, most: int):
        self._most = most
        self._all: dict[Connection, None] = {}
        self._held = 0

    def add(self, connection: Connection) -> None:
        """One more; where that is too many, one goes."""
        if len(self._all) >= self._most:
            _first_to_go(self._all, but=connection).abort()
        self._all[connection] = None

    def discard(self, connection: Connection) -> None:
        self.let_go(connection)
        self._all.pop(connection, None)

    def hold(self, connection: Connection, count: int) -> None:
        """So many bytes more are in memory for it; where that is too many, one goes."""
        connection.held += count
        self._held += count
        if self._held > HELD_BYTES:
            _first_to_go([each for each in self._all if each.held], but=connection).abort()

    def let_go(self, connection: Connection) -> None:
        """Nothing is in memory for it any more."""
        self._held -= connection.held
        connection.held = 0

    async def sweep(self) -> None:
        """Ends those that are overdue, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for connection in [each for each in self._all if each.is_overdue(now)]:
                connection.abort()


def _first_to_go(connections: Iterable[Connection], *, but: Connection) -> Connection:
    """Who keeps the site waiting for longest, or else the oldest; never a request in work."""
    free = [each for each in connections if not each.is_at_work]
    late = [each for each in free if each.waiting_since is not None]
    return min(late, key=lambda each: each.waiting_since, default=next(iter(free), but))
