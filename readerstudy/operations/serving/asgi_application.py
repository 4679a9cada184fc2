"""The site as ASGI: threads for Django, and an event loop for everybody who is slow."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from readerstudy.operations.serving.asgi_to_wsgi_request import (
    IN_MEMORY,
    Body,
    ClientGone,
    PassedOn,
    environment,
    header,
)
from readerstudy.operations.serving.client_connections import Connection, Crowd
from readerstudy.operations.serving.wsgi_response import AT_ONCE, Answer, answer_of

PLACES_SECONDS = 30.0
"""For one of the places of large bodies."""


class Application:
    """Answers each request in a thread, as soon as the request is complete.

    The threads live as long as the process, so that each keeps its connection to the database.
    """

    def __init__(self, wsgi: Callable, *, threads: int, connections: int):
        self._wsgi = wsgi
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="site")
        self._places = asyncio.Semaphore(max(1, threads // 2))
        self._connections = connections

    async def __call__(self, scope: dict, receive, send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        connection: Connection = scope["state"]["connection"]
        body = Body(receive)
        try:
            await self._serve(scope, body, connection, send)
        except ClientGone:
            connection.abort()
        finally:
            connection.answered()

    async def _live(self, scope: dict, receive, send) -> None:
        """From the start of the process to its end."""
        await receive()
        crowd = scope["state"]["crowd"] = Crowd(self._connections)
        sweeping = asyncio.create_task(crowd.sweep())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sweeping.cancel()
        self._threads.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: dict, body: Body, connection: Connection, send) -> None:
        if header(scope, b"transfer-encoding") is not None:
            await _send(_plain(411, "The request must state its length (Content-Length)."), send)
            return
        length = int(header(scope, b"content-length") or 0)
        try:
            if length <= IN_MEMORY:
                content = io.BytesIO(await body.whole(hold=connection.hold) if length else b"")
                answer = await self._answer(scope, content, connection)
            else:
                answer = await self._answer_large(scope, body, connection)
        except TimeoutError:
            await _send(_plain(408, "The upload was too slow and was stopped. Try again."), send)
            return
        await self._send(answer, connection, send)

    async def _answer(self, scope: dict, content: io.IOBase, connection: Connection) -> Answer:
        with connection.at_work():
            return await self._in_thread(answer_of, self._wsgi, environment(scope, content))

    async def _answer_large(self, scope: dict, body: Body, connection: Connection) -> Answer:
        """With a body that the site reads, if it wants it, while it comes."""
        try:
            async with asyncio.timeout(PLACES_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            return _plain(503, "Too many uploads are running at the moment. Try again later.")
        try:
            content = io.BufferedReader(PassedOn(body, asyncio.get_running_loop()))
            return await self._answer(scope, content, connection)
        finally:
            self._places.release()

    async def _send(self, answer: Answer, connection: Connection, send) -> None:
        connection.sending(len(answer.start))
        await _send(answer, send)
        if answer.rest is None:
            return
        try:
            while not connection.is_gone:
                part = await self._in_thread(answer.rest.read, AT_ONCE)
                connection.sending(len(part))
                await send({"type": "http.response.body", "body": part, "more_body": bool(part)})
                if not part:
                    break
        finally:
            await self._in_thread(answer.rest.close)

    async def _in_thread(self, work: Callable, *arguments):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *arguments))


async def _send(answer: Answer, send) -> None:
    """The head of an answer and its start."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    more = answer.rest is not None
    await send({"type": "http.response.body", "body": answer.start, "more_body": more})


def _plain(status: int, text: str) -> Answer:
    """An answer of the server's own, for programs: no browser makes such requests."""
    content = f"{text}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(content))]
    return Answer(status, [*headers, (b"connection", b"close")], content)
