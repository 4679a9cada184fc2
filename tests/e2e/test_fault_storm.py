"""A study is read to its end in a browser while everything around it goes wrong at random.

READERSTUDY_READS sets how many readings; the project's own measure is 1000.
"""

import os
import random
from collections import Counter
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Route, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import choose, code, sign_in, window
from tests.e2e.faults import READINGS, Server, outbox
from tests.services.build import PASSWORD
from tests.services.site import Site, Sketch

pytestmark = pytest.mark.e2e

READS = int(os.environ.get("READERSTUDY_READS", "30"))
SEED = int(os.environ.get("READERSTUDY_SEED", "0"))
SLUG = "storm"
KILLS = 0.02  # of the reads: a server takes seconds to start
FAULTS = ("none", "lost requests", "lost answers", "unavailable", "portal", "reload", "new tab",
          "offline", "signed out", "double click", "second tab", "images")  # fmt: skip


class Storm:
    """One reader, one study, and what happens to them."""

    def __init__(self, context: BrowserContext, page: Page, server: Server, *, seed: int):
        self.context, self.page, self.server = context, page, server
        self.random = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.given: dict[str, list[Etiology]] = {}
        self.acknowledged: list[str] = []
        self._blocked: list[str] = []
        self._routed(page)

    def read_all(self) -> None:
        """Until the study says that all is read."""
        while self._ready():
            shown = code(self.page)
            assert shown not in self.acknowledged, f"{shown} was acknowledged and came again"
            fault = "kill" if self.random.random() < KILLS else self.random.choice(FAULTS)
            self.seen[fault] += 1
            answer = self.random.choice(list(Etiology))
            try:
                self._submit(shown, answer, fault)
            except Error as error:  # the page went away under the click: that is the fault's point
                if "Target" not in str(error) and "Timeout" not in str(error):
                    raise
            self._gone(shown)
            self.acknowledged.append(shown)

    def _submit(self, shown: str, answer: Etiology, fault: str) -> None:
        if fault == "reload" and self.random.random() < 0.5:
            choose(self.page, answer)
            self.page.reload()
            assert self._ready()
        if fault == "second tab":
            self._second_tab(shown)
        choose(self.page, answer)
        self.given.setdefault(shown, []).append(answer)
        button = self.page.get_by_role("button", name="Submit")
        if fault in ("lost requests", "lost answers", "unavailable", "portal", "images"):
            self._blocked = [fault] * self.random.randint(1, 3)
        elif fault == "offline":
            self.context.set_offline(True)
        elif fault == "signed out":
            self.context.clear_cookies()
        elif fault == "kill":
            self.server.kill()
        button.dblclick() if fault == "double click" else button.click(no_wait_after=True)
        self.page.wait_for_timeout(self.random.uniform(0, 120))
        self._after(fault)

    def _after(self, fault: str) -> None:
        if fault == "reload":
            with suppress(Error):
                self.page.reload()
        elif fault == "new tab":
            self.page.close()
            self.page = self.context.new_page()
            self._routed(self.page)
            self._open()
        elif fault == "offline":
            self.page.wait_for_timeout(self.random.uniform(0, 1500))
            self.context.set_offline(False)
        elif fault == "kill":
            self.server.start()

    def _second_tab(self, shown: str) -> None:
        """Another tab is on the same case, and answers it otherwise at about the same time."""
        other = self.context.new_page()
        other.goto(f"/read/{SLUG}/")
        button = other.get_by_role("button", name="Submit")
        button.wait_for()
        answer = self.random.choice(list(Etiology))
        choose(other, answer)
        self.given.setdefault(shown, []).append(answer)
        expect(button).to_be_enabled()
        button.click(no_wait_after=True)
        other.wait_for_timeout(self.random.uniform(0, 60))
        other.close()

    def _gone(self, shown: str) -> None:
        """Wait until the server has told what became of it, as a patient reader does."""
        for _ in range(400):
            with suppress(Error):
                if self.page.get_by_label("Password").count():
                    self._sign_in()
                elif not self.page.locator("header").count():
                    self._open()  # the browser's own page of failure
                if self.page.get_by_role("link", name="Sign in").count():
                    self.page.get_by_role("link", name="Sign in").click()
                understood = self.page.get_by_role("button", name="OK", exact=True)
                if understood.count():
                    understood.click()
                if self.page.locator(f"#diagnosis[action*='{shown}']").count() == 0:
                    if self.page.locator("#outbox").count() and outbox(self.page) == 0:
                        return
                elif not self.page.locator("#diagnosis.submitted").count():
                    self._resubmit(shown)
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{shown} stays: {self.page.locator('body').inner_text()}")

    def _resubmit(self, shown: str) -> None:
        """The fault came before the click: nothing was submitted, and the page says so."""
        if outbox(self.page) or not self._ready() or code(self.page) != shown:
            return
        choose(self.page, self.given[shown][-1])
        self.page.get_by_role("button", name="Submit").click(no_wait_after=True)

    def _ready(self) -> bool:
        """A case is open and can be submitted; False once all is read."""
        for _ in range(300):
            with suppress(Error):
                if self.page.get_by_text("You have read all cases").count():
                    return False
                if self.page.locator("button.send-chosen:enabled").count():
                    return True
                if self.page.get_by_label("Password").count():
                    self._sign_in()
                elif not self.page.locator("header").count() or (
                    self.page.locator("#image-error:visible").count()
                ):
                    self._open()
            self.page.wait_for_timeout(50)
        raise AssertionError(self.page.locator("body").inner_text())

    def _open(self) -> None:
        with suppress(Error):
            self.page.goto(f"/read/{SLUG}/")

    def _sign_in(self) -> None:
        self.page.get_by_label("Username").fill("otto")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self._open()

    def _routed(self, page: Page) -> None:
        page.route(READINGS, self._post)
        page.route("**/*.png", self._image)

    def _post(self, route: Route) -> None:
        fault = self._blocked.pop() if self._blocked and self._blocked[-1] != "images" else ""
        if fault == "lost requests":
            route.abort()
        elif fault == "unavailable":
            route.fulfill(status=503, body="down")
        elif fault == "portal":  # a hospital's network that wants its own sign-in first
            route.fulfill(status=200, body="<h1>Welcome to our network</h1>")
        elif fault == "lost answers":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    def _image(self, route: Route) -> None:
        if self._blocked and self._blocked[-1] == "images":
            self._blocked.pop()
            route.abort()
        else:
            route.continue_()


@pytest.fixture
def server(tmp_path):
    site = Site(tmp_path)
    site.build(Sketch(SLUG, cases=READS // 2, readers=("otto",)))
    with Server(site.env) as server:
        server.site = site
        yield server


@pytest.mark.rest("make test has each fault once, in test_nothing_lost")
def test_no_diagnosis_is_lost_doubled_or_out_of_order(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "otto")
        page.goto(f"/read/{SLUG}/")
        storm = Storm(page.context, page, server, seed=SEED)
        storm.read_all()
        assert outbox(storm.page) == 0
    stored = server.site.rows(
        "SELECT a.code, a.stage, a.position, g.etiology FROM reading_reading g"
        " JOIN reading_assignment a ON a.id = g.assignment_id ORDER BY g.id"
    )
    print(f"{len(stored)} readings under {dict(storm.seen)}")
    assert [code for code, *_ in stored] == storm.acknowledged
    places = [(stage, position) for _, stage, position, _ in stored]
    assert places == [(stage, at) for stage in (1, 2) for at in range(1, READS // 2 + 1)]
    wrong = [code for code, _, _, etiology in stored if etiology not in storm.given[code]]
    assert wrong == []
    single = {code for code, given in storm.given.items() if len(set(given)) == 1}
    assert len(single) > READS / 2
