"""The site's web server in this process, with any WSGI application; and clients who speak bytes."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from readerstudy.operations.serving.asgi_application import Application
from readerstudy.operations.serving.worker import Worker


@contextmanager
def served(application: Callable, *, threads: int = 2, connections: int = 200) -> Iterator[int]:
    """Serve the application; yields the port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        config = uvicorn.Config(
            Application(application, threads=threads, connections=connections),
            log_config=None, timeout_keep_alive=75, timeout_graceful_shutdown=5,
            **Worker.CONFIG_KWARGS,
        )  # fmt: skip
        server = uvicorn.Server(config)
        started = threading.Event()

        async def serve() -> None:
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
            started.set()
            await serving

        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        assert started.wait(10)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@contextmanager
def connected(port: int, first: bytes = b"") -> Iterator[socket.socket]:
    """A connection on which these bytes were sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(first)
        yield link


def everything_from(link: socket.socket) -> bytes:
    """All that the server sends until it hangs up."""
    parts = []
    try:
        while part := link.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def ask(port: int, request: bytes) -> bytes:
    """What is answered to one request, after which the connection ends."""
    with connected(port, request) as link:
        return everything_from(link)


def get(port: int, path: str = "/") -> bytes:
    """The answer to a plain GET, on a connection of its own."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return ask(port, request.encode())
