"""A cut line, a dead server, a lost session, a crash: each diagnosis is stored once, or its reader
is told plainly what to do. What the page says of it is true."""

import json
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import (
    choose,
    code,
    enter,
    give,
    images_painted,
    screenshot,
    sign_in,
    submit,
    window,
)
from tests.e2e.conftest import FLAGS, chromium
from tests.e2e.faults import READINGS, Server, lose_answers, lose_requests, outbox, says
from tests.services.build import PASSWORD
from tests.services.site import Site, Sketch

pytestmark = pytest.mark.e2e

SLUGS = ("offline", "killed", "expired", "another", "lost", "reload", "crash", "locked", "late",
         "slow", "hidden", "paused", "full-disk", "proxy-200", "proxy-403",
         "proxy-404")  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("faults"))
    site.build(*(Sketch(slug, cases=2, readers=("gerd", "hanna")) for slug in SLUGS))
    with Server(site.env) as server:
        server.site = site
        yield server


def read(page: Page, slug: str, etiology: Etiology = Etiology.LYMPHOMA) -> None:
    """Choose on the first case of a study, ready to submit."""
    enter(page, slug)
    images_painted(page)
    choose(page, etiology)


def on_case(page: Page, number: int) -> None:
    expect(page.locator("header")).to_contain_text(f"Case {number} of 2", timeout=40_000)


def stored(server: Server, slug: str) -> list[str]:
    return [etiology for *_, etiology in server.site.readings(slug)]


def trace(server: Server, slug: str) -> dict:
    active, elapsed, events, flags = server.site.rows(
        "SELECT t.active_ms, t.elapsed_ms, t.events, t.flags FROM reading_trace t"
        " JOIN reading_reading g ON g.id = t.reading_id"
        " JOIN reading_assignment a ON a.id = g.assignment_id"
        " JOIN reading_reader r ON r.id = a.reader_id JOIN cohorts_study s ON s.id = r.study_id"
        " WHERE s.slug = %s ORDER BY t.id",
        slug,
    )[0]
    names = [name for _, name, _ in json.loads(events)]
    return {"active": active, "elapsed": elapsed, "events": names, "flags": flags}


def test_a_cut_line_keeps_the_diagnosis_and_sends_it_when_it_is_back(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, "offline")
        page.context.set_offline(True)
        give(page)
        says(page, "Diagnoses kept in this browser: 1.")
        screenshot(page, "offline")
        assert stored(server, "offline") == []
        assert outbox(page) == 1
        assert page.locator("#diagnosis").evaluate("form => form.inert"), "it could be changed"
        page.context.set_offline(False)
        on_case(page, 2)
        says(page, "Stored at")
        assert outbox(page) == 0
    assert stored(server, "offline") == [Etiology.LYMPHOMA]


def test_a_server_that_is_killed_takes_it_once_it_is_up_again(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, "killed")
        server.kill()
        give(page)
        says(page, "No connection to the server")
        server.start()
        on_case(page, 2)
        assert outbox(page) == 0
    assert stored(server, "killed") == [Etiology.LYMPHOMA]


def test_after_a_new_sign_in_the_pending_diagnosis_is_sent(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, "expired")
        page.context.clear_cookies()
        give(page)
        says(page, "You are signed out")
        screenshot(page, "signed-out")
        page.get_by_role("link", name="Sign in").click()
        page.get_by_label("Username").fill("gerd")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        on_case(page, 2)
        assert outbox(page) == 0
    assert stored(server, "expired") == [Etiology.LYMPHOMA]


def test_a_diagnosis_is_never_sent_as_another_persons(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, "another")
        page.context.clear_cookies()
        give(page)
        says(page, "You are signed out")
        sign_in(page, "hanna")
        says(page, "of another account")
        enter(page, "another")
        images_painted(page)
        page.context.clear_cookies()
        assert stored(server, "another") == []
        assert outbox(page) == 1
        sign_in(page, "gerd")
        says(page, "Stored at")
    [(reader, *_, etiology)] = server.site.readings("another")
    assert (reader, etiology) == ("R1", Etiology.LYMPHOMA)


def test_answers_and_requests_that_are_lost_store_one_reading(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, "lost")
        lose_answers(page, times=2)
        give(page)
        on_case(page, 2)
        page.unroute_all()
        choose(page, Etiology.REACTIVE)
        lose_requests(page, times=2)
        give(page)
        expect(page.locator("header")).to_contain_text("Stage 2, with AI", timeout=40_000)
    assert stored(server, "lost") == [Etiology.LYMPHOMA, Etiology.REACTIVE]


@pytest.mark.parametrize("status", [200, 403, 404])
def test_a_page_of_some_proxy_is_no_answer(browser, server, status):
    slug = f"proxy-{status}"
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, slug)
        html = {"status": status, "body": "<h1>Welcome to our network</h1>"}
        page.route(READINGS, lambda route: route.fulfill(**html))
        page.route("**/api/v1/session/", lambda route: route.fulfill(**html))
        give(page)
        says(page, "No connection to the server")
        assert stored(server, slug) == []
        page.unroute_all()
        on_case(page, 2)
    assert stored(server, slug) == [Etiology.LYMPHOMA]


def test_a_reload_in_mid_case_and_in_mid_submit(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, "reload")
        first = code(page)
        page.wait_for_timeout(1000)
        page.reload()
        assert code(page) == first
        images_painted(page)
        choose(page, Etiology.TUBERCULOUS)
        lose_requests(page, times=1)
        give(page)
        page.wait_for_timeout(50)
        page.reload()
        on_case(page, 2)
        assert outbox(page) == 0
    assert stored(server, "reload") == [Etiology.TUBERCULOUS]
    told = trace(server, "reload")
    assert "reload" in told["events"]
    assert told["active"] > 1000
    assert told["flags"] == ""


def test_a_browser_that_crashes_sends_it_when_it_is_opened_again(browser, server, tmp_path):
    launch = partial(
        browser.browser_type.launch_persistent_context, tmp_path, executable_path=chromium(),
        args=FLAGS, base_url=server.address,
    )  # fmt: skip
    page = launch().new_page()
    sign_in(page, "gerd")
    read(page, "crash")
    page.context.set_offline(True)
    give(page)
    says(page, "Diagnoses kept in this browser: 1.")
    _kill_browser(tmp_path)
    with closing(launch()) as context:
        page = context.new_page()
        page.goto("/")
        if page.get_by_label("Username").count():
            sign_in(page, "gerd")
        says(page, "Stored at")
        assert outbox(page) == 0
    assert stored(server, "crash") == [Etiology.LYMPHOMA]


def _kill_browser(folder: Path) -> None:
    """SIGKILL to every process of the browser that keeps its things in this folder."""
    processes = [p for p in psutil.process_iter(["cmdline"]) if any(
        str(folder) in word for word in p.info["cmdline"] or ())]  # fmt: skip
    assert processes
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=10)


def test_a_study_that_was_locked_meanwhile_says_that_it_was_not_stored(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, "locked")
        page.context.set_offline(True)
        give(page)
        says(page, "Diagnoses kept in this browser: 1.")
        server.site.manage("study", "locked", "lock")
        page.context.set_offline(False)
        refusals = page.locator("#refusals")
        expect(refusals).to_contain_text("not stored: This study does not accept readings now")
        screenshot(page, "locked-meanwhile")
        page.get_by_role("button", name="OK", exact=True).click()
        expect(refusals).to_have_text("")
        assert outbox(page) == 0
    assert stored(server, "locked") == []


def test_a_diagnosis_waits_in_the_browser_while_the_study_is_paused(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        read(page, "paused")
        server.site.manage("study", "paused", "pause", "--reason", "a test")
        give(page)
        says(page, "The study is paused")
        assert outbox(page) == 1
        page.reload()
        expect(page.get_by_role("heading", name="The study is paused")).to_be_visible()
        says(page, "sent once the study resumes")
        screenshot(page, "paused")
        assert stored(server, "paused") == []
        server.site.manage("study", "paused", "resume")
        expect(page.locator("#outbox")).to_contain_text("Stored at", timeout=40_000)
        assert outbox(page) == 0
    assert stored(server, "paused") == ["lymphoma"]


AN_HOUR_AHEAD = """
const Real = Date;
window.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(Real.now() + 3600000); }
  static now() { return Real.now() + 3600000; }
};
"""


def test_a_browser_whose_clock_is_wrong_is_told_of_to_the_investigator(browser, server):
    with window(browser, server.address) as page:
        page.add_init_script(AN_HOUR_AHEAD)
        sign_in(page, "gerd")
        read(page, "late")
        submit(page)
        on_case(page, 2)
    told = trace(server, "late")
    assert told["flags"] == "clock"
    assert 0 < told["active"] <= told["elapsed"] < 60_000  # its stopwatch is right all the same


def test_a_bad_line_reads_on(browser, server):
    with window(browser, server.address, troubled=True) as page:
        sign_in(page, "gerd")
        line = page.context.new_cdp_session(page)
        line.send("Network.enable")
        line.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 400, "downloadThroughput": 50_000,
             "uploadThroughput": 50_000},
        )  # fmt: skip
        read(page, "slow")
        give(page)
        give(page)
        on_case(page, 2)
    assert stored(server, "slow") == [Etiology.LYMPHOMA]


HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_time_in_which_the_page_was_hidden_is_no_reading_time(browser, server):
    with window(browser, server.address) as page:
        sign_in(page, "gerd")
        read(page, "hidden")
        page.evaluate(HIDE, True)
        page.wait_for_timeout(3000)
        page.evaluate(HIDE, False)
        submit(page)
        on_case(page, 2)
    told = trace(server, "hidden")
    assert told["elapsed"] - told["active"] >= 2900
    assert {"painted", "hidden", "shown", "submit"} <= set(told["events"])


FULL_DISK = """
const put = IDBObjectStore.prototype.put;
IDBObjectStore.prototype.put = function (...values) {
  if (!window.diskHasSpace) throw new DOMException("no space", "QuotaExceededError");
  return put.apply(this, values);
};
"""


def test_a_browser_whose_disk_is_full_keeps_it_in_its_page(browser, server):
    """It says so, asks before the page is left, and sends it once the line is back."""
    with window(browser, server.address, troubled=True) as page:
        page.add_init_script(FULL_DISK)
        sign_in(page, "gerd")
        read(page, "full-disk")
        page.context.set_offline(True)
        give(page)
        says(page, "Leave this page open")
        assert outbox(page) == 0
        asked = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.close(run_before_unload=True)
        page.wait_for_timeout(300)
        assert asked == ["beforeunload"]
        page.context.set_offline(False)
        on_case(page, 2)
        says(page, "Stored at")
    assert stored(server, "full-disk") == [Etiology.LYMPHOMA]
