"""What goes wrong between a reader's browser and the server, on purpose."""

import os
import re
import signal
from contextlib import AbstractContextManager, ExitStack
from itertools import count

from playwright.sync_api import Page, Route, expect

from tests import servers

READINGS = re.compile(r"/api/v1/[^/]+/readings/(\?|$)")


class Server(AbstractContextManager):
    """The site's web server, which can be killed and started again at the same address."""

    def __init__(self, env: dict[str, str]):
        self._env = env
        self._port = servers.free_port()
        self._running = ExitStack()
        self.address = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_exception) -> None:
        self._running.close()

    def start(self) -> None:
        self._process = self._running.enter_context(
            servers.gunicorn_process(self._env, port=self._port)
        )

    def kill(self) -> None:
        """SIGKILL to all of it, whatever it is doing."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._running.close()


def lose_answers(page: Page, *, times: int) -> None:
    """The server takes what is sent, but its answer never comes."""
    lost = count(1)

    def lose(route: Route) -> None:
        if next(lost) <= times:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route(READINGS, lose)


def lose_requests(page: Page, *, times: int) -> None:
    """What is sent never arrives."""
    lost = count(1)
    page.route(READINGS, lambda route: route.abort() if next(lost) <= times else route.continue_())


def outbox(page: Page) -> int:
    """How many diagnoses the browser keeps."""
    return page.evaluate(
        """() => new Promise((resolve, reject) => {
          setTimeout(() => reject(new Error("no answer from the browser's database")), 5000);
          const request = indexedDB.open("reader-study", 1);
          request.onerror = () => reject(request.error);
          request.onupgradeneeded = () => request.result.createObjectStore(
            "readings", { keyPath: "key" });
          request.onsuccess = () => {
            const ask = request.result.transaction("readings").objectStore("readings").count();
            ask.onsuccess = () => { request.result.close(); resolve(ask.result); };
          };
        })"""
    )


def says(page: Page, text: str) -> None:
    """The line about the reader's diagnoses says so."""
    expect(page.locator("#outbox")).to_contain_text(text)
