"""A request as WSGI wants it, from what ASGI says."""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import unquote_to_bytes

from readerstudy.operations.serving.client_connections import LEAST_RATE, PATIENCE_SECONDS
from readerstudy.request_limits import DATA_BYTES

IN_MEMORY = DATA_BYTES
"""Bytes of a body that is awaited whole before a thread is given to the request."""
_PLAIN = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


class ClientGone(OSError):
    """The client hung up before the request's body was complete."""


class Body:
    """A request's body, which must come at the least rate."""

    def __init__(self, receive: Callable[[], Awaitable[dict]]):
        self._receive = receive
        self._received = 0
        self._waited = 0.0
        self.more = True

    async def part(self) -> bytes:
        """What comes next; nothing at its end. Raises TimeoutError or ClientGone."""
        clock = asyncio.get_running_loop().time
        while self.more:
            began = clock()
            patience = PATIENCE_SECONDS + self._received / LEAST_RATE - self._waited
            async with asyncio.timeout(patience):
                message = await self._receive()
            self._waited += clock() - began
            if message["type"] == "http.disconnect":
                raise ClientGone("the client hung up")
            self.more = message["more_body"]
            self._received += len(message["body"])
            if message["body"]:
                return message["body"]
        return b""

    async def whole(self, *, hold: Callable[[int], None]) -> bytes:
        """All of it, where it is known to be small; ``hold`` is told of each part's bytes."""
        parts = []
        while part := await self.part():
            hold(len(part))
            parts.append(part)
        return b"".join(parts)


class PassedOn(io.RawIOBase):
    """A body that a thread reads while it comes."""

    def __init__(self, body: Body, loop: asyncio.AbstractEventLoop):
        self._body = body
        self._loop = loop
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if not self._rest:
            coming = asyncio.run_coroutine_threadsafe(self._body.part(), self._loop)
            self._rest = coming.result()
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def environment(scope: dict, content: io.IOBase) -> dict:
    """The WSGI environment of a request.

    A header with an underscore in its name is left out: WSGI could not tell it from the one with a
    hyphen, which a proxy may have set.
    """
    server, client = scope["server"] or ("localhost", None), scope["client"] or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or ""),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": content,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue
        key = _PLAIN.get(name) or f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if name == b'cookie' else ','}{text}"
        environ[key] = text
    return environ


def header(scope: dict, name: bytes) -> bytes | None:
    """The value of a request's header, or None."""
    return next((value for found, value in scope["headers"] if found == name), None)
