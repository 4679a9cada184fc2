"""Clients who mean no good: each holds a connection for as long as it can, and comes again."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

BEAT_SECONDS = 0.5
HEAD = b"Host: 127.0.0.1\r\nUser-Agent: slow\r\n"
SIGN_IN = b"POST /accounts/sign-in/ HTTP/1.1\r\n" + HEAD
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def requests_of(*, cookie: str, picture: str, slug: str) -> dict[str, tuple[bytes, bytes]]:
    """By kind of client: what it sends at first, and what at each beat."""
    signed_in = HEAD + f"Cookie: {cookie}\r\n".encode()
    submit = f"POST /api/v1/{slug}/readings/ HTTP/1.1\r\n".encode() + signed_in
    look = f"GET {picture} HTTP/1.1\r\n".encode() + signed_in + b"\r\n"
    return {
        "says nothing": (b"", b""),
        "half a request line": (b"GET /accounts/si", b"x"),
        "half its headers": (b"GET / HTTP/1.1\r\n" + HEAD + b"X-Slow: ", b"x"),
        "half a form": (SIGN_IN + FORM + b"Content-Length: 9000\r\n\r\nusername=", b"x"),
        "half an upload": (SIGN_IN + FORM + b"Content-Length: 999999999\r\n\r\nuser", b"x"),
        "half a reading": (submit + b"Content-Length: 9000\r\n\r\n{", b" "),
        "reads no page": (b"GET /accounts/sign-in/ HTTP/1.1\r\n" + HEAD + b"\r\n", b""),
        "reads no image": (look * 10, b""),
        "idle": (b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\n", b""),
    }


class SlowClients:
    """So many of them, in one thread."""

    def __init__(self, address: str, kinds: dict[str, tuple[bytes, bytes]], *, count: int):
        host, port = address.removeprefix("http://").split(":")
        self._server = (host, int(port))
        self._kinds = list(kinds.values())
        self._links: list[socket.socket | None] = [None] * count
        self._ended = threading.Event()
        self.came = 0

    def run(self) -> None:
        """Hold them, until they are to end."""
        while not self._ended.is_set():
            for number in range(len(self._links)):
                self._beat(number)
            time.sleep(BEAT_SECONDS)
        for link in filter(None, self._links):
            link.close()

    def end(self) -> None:
        self._ended.set()

    def _beat(self, number: int) -> None:
        first, then = self._kinds[number % len(self._kinds)]
        link = self._links[number]
        try:
            if link is None:
                link = self._links[number] = self._connect()
                link.send(first)
            elif _is_hung_up(link):
                raise ConnectionResetError
            elif then:
                link.send(then)
        except BlockingIOError:
            pass
        except OSError:
            if self._links[number]:
                self._links[number].close()
            self._links[number] = None

    def _connect(self) -> socket.socket:
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.settimeout(5)
        link.connect(self._server)
        link.setblocking(False)
        self.came += 1
        return link


def _is_hung_up(link: socket.socket) -> bool:
    """Whether the server ended it; nothing is read."""
    poll = select.poll()
    poll.register(link, select.POLLRDHUP)
    return bool(poll.poll(0))


@contextmanager
def besieged(address: str, kinds: dict, *, count: int) -> Iterator[SlowClients]:
    """Context: so many slow clients are there."""
    clients = SlowClients(address, kinds, count=count)
    thread = threading.Thread(target=clients.run)
    thread.start()
    try:
        time.sleep(2 * BEAT_SECONDS)  # until all have come
        yield clients
    finally:
        clients.end()
        thread.join()
