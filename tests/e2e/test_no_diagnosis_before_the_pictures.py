"""Nobody diagnoses images that they can't see yet: the page takes a submit once all are painted."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import (
    choose,
    code,
    images_painted,
    keep,
    screenshot,
    sign_in,
    submit,
    window,
)
from tests.e2e.faults import Server, lose_requests, outbox
from tests.servers import wait_until
from tests.services.site import SEQUENTIAL, Site, Sketch

pytestmark = pytest.mark.e2e

SLUGS = (
    "scripts",
    "image",
    "refused",
    "kept",
    "incomplete",
    "plain",
    "no-module",
    "broken-module",
    "older",
)
AN_IMAGE = re.compile(r"/cdfi\.png$")
THE_SCRIPT = re.compile(r"/case-page\.js$")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("pictures"))
    site.build(*(Sketch(slug, cases=2, readers=("paul",), design=SEQUENTIAL) for slug in SLUGS))
    with Server(site.env) as server:
        server.site = site
        yield server


class Held:
    """Requests to an address: each is answered once it is let go."""

    def __init__(self, page: Page, address: re.Pattern):
        self._page = page
        self._routes: list[Route] = []
        page.route(address, self._keep)

    def _keep(self, route: Route) -> None:
        self._routes.append(route)

    def let_go(self) -> None:
        wait_until(lambda: self._page.wait_for_timeout(50) or self._routes, what="a request")
        while self._routes:
            self._routes.pop().continue_()


def _open(page: Page, slug: str) -> list[str]:
    """To the case, without waiting for what it needs; the addresses of what is submitted there."""
    sign_in(page, "paul")
    submits: list[str] = []
    page.on("request", lambda sent: sent.method == "POST" and submits.append(sent.url))
    _go(page, slug)
    return submits


def _go(page: Page, slug: str) -> None:
    page.goto(f"/read/{slug}/", wait_until="commit")


def _button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=re.compile(f"^{name}"))


def _notice(page: Page) -> Locator:
    return page.get_by_role("status").filter(has_text="The images are still loading.")


def _says_that_it_waits(page: Page, *, stage: int) -> None:
    expect(page.locator(".where")).to_contain_text(f"Stage {stage}")
    for button in (_button(page, "Submit"), _button(page, "Keep"))[:stage]:
        expect(button).to_be_disabled()
        expect(button).to_have_accessible_description(re.compile("images are still loading"))
    expect(_notice(page)).to_be_in_viewport(ratio=1)


def _try_to_submit(page: Page, *, stage: int) -> None:
    """By mouse, by shortcut, and by Enter wherever it means a submit."""
    if stage == 2:  # while nothing else is chosen
        _button(page, "Keep").click(force=True)
        page.keyboard.press("k")
    choose(page, Etiology.LYMPHOMA)
    _button(page, "Submit").click(force=True)
    page.locator("body").press("Enter")
    page.get_by_role("radio", name="Lymphoma").press("Enter")
    page.get_by_text("The image quality is insufficient").click()
    page.get_by_label("Note (optional)").press("Enter")
    page.wait_for_timeout(800)  # longer than a page waits for the second click of a double click
    expect(page.locator(".where")).to_contain_text(f"Stage {stage}")
    page.locator("#diagnosis").evaluate("form => form.reset()")


def _takes_one_now(page: Page, *, stage: int) -> None:
    images_painted(page)
    expect(_notice(page)).to_have_count(0)
    button = _button(page, "Keep" if stage == 2 else "Submit")
    expect(button).to_be_enabled()
    expect(button).to_have_accessible_description("")
    if stage == 2:
        keep(page)
    else:
        choose(page, Etiology.REACTIVE)
        submit(page)


def _events(server: Server, slug: str) -> list[set[str]]:
    """What the browser told of each reading of a study; nothing where it told nothing."""
    rows = server.site.rows(
        "SELECT t.events FROM reading_reading g LEFT JOIN reading_trace t ON t.reading_id = g.id"
        " JOIN reading_assignment a ON a.id = g.assignment_id"
        " JOIN reading_reader r ON r.id = a.reader_id JOIN cohorts_study s ON s.id = r.study_id"
        " WHERE s.slug = %s ORDER BY g.id",
        slug,
    )
    return [{name for _, name, _ in json.loads(events or "[]")} for (events,) in rows]


def _stored(server: Server, slug: str) -> list[str]:
    return [etiology for *_, etiology in server.site.readings(slug)]


def test_nothing_is_submitted_while_an_image_is_on_its_way(browser, server):
    """Neither on the page that was loaded nor on those that take its place."""
    with window(browser, server.address) as page:
        held = Held(page, AN_IMAGE)
        submits = _open(page, "image")
        expect(page.get_by_role("toolbar", name="Images")).to_be_visible()
        for number, stage in enumerate((1, 2, 1)):
            _says_that_it_waits(page, stage=stage)
            screenshot(page, f"image-on-its-way-stage-{stage}")
            _try_to_submit(page, stage=stage)
            assert len(submits) == number
            held.let_go()
            _takes_one_now(page, stage=stage)
        expect(page.locator(".where")).to_contain_text("Case 2 of 2")
    assert _stored(server, "image") == 3 * [Etiology.REACTIVE]
    assert all({"painted", "submit"} <= told for told in _events(server, "image"))


def test_nothing_is_submitted_while_the_scripts_are_on_their_way(browser, server):
    """Which on a slow line takes seconds: until then the form must not be one without scripts."""
    with window(browser, server.address) as page:
        held = Held(page, THE_SCRIPT)
        submits = _open(page, "scripts")
        for number, stage in enumerate((1, 2)):
            _says_that_it_waits(page, stage=stage)
            screenshot(page, f"scripts-on-their-way-stage-{stage}")
            _try_to_submit(page, stage=stage)
            assert len(submits) == number
            held.let_go()
            _takes_one_now(page, stage=stage)
            _go(page, "scripts")  # the whole page again, scripts and all
        expect(page.locator(".where")).to_contain_text("Case 2 of 2")
    assert _stored(server, "scripts") == 2 * [Etiology.REACTIVE]
    assert all({"painted", "submit"} <= told for told in _events(server, "scripts"))


def test_an_image_that_is_refused_is_told_and_a_reload_reads_on(browser, server):
    with window(browser, server.address, troubled=True) as page:
        page.route(AN_IMAGE, lambda route: route.fulfill(status=404))
        submits = _open(page, "refused")
        expect(page.get_by_role("alert")).to_contain_text("Reload the page")
        expect(_notice(page)).to_have_count(0)
        _try_to_submit(page, stage=1)
        assert submits == []
        page.unroute_all()
        page.reload()
        _takes_one_now(page, stage=1)
    assert _stored(server, "refused") == [Etiology.REACTIVE]


def test_a_diagnosis_that_is_kept_is_sent_whatever_becomes_of_the_images(browser, server):
    with window(browser, server.address, troubled=True) as page:
        _open(page, "kept")
        images_painted(page)
        choose(page, Etiology.LYMPHOMA)
        lose_requests(page, times=1)
        _button(page, "Submit").click()
        wait_until(lambda: outbox(page) == 1, what="the outbox")
        page.route(AN_IMAGE, lambda route: route.fulfill(status=404))
        page.reload()
        expect(page.locator(".where")).to_contain_text("Stage 2", timeout=40_000)
        assert outbox(page) == 0
    assert _stored(server, "kept") == [Etiology.LYMPHOMA]


def test_what_the_server_finds_incomplete_waits_for_the_images_too(browser, server):
    """It was sent before a reload; its reader completes it, and sees the images first."""
    with window(browser, server.address, troubled=True) as page:
        _open(page, "incomplete")
        images_painted(page)
        page.get_by_role("radio", name="Malignant").check()
        lose_requests(page, times=2)
        _button(page, "Submit").click()
        wait_until(lambda: outbox(page) == 1, what="the outbox")
        held = Held(page, AN_IMAGE)
        _go(page, "incomplete")
        expect(page.get_by_role("toolbar", name="Images")).to_be_visible()
        page.evaluate("dispatchEvent(new Event('focus'))")  # sent once somebody comes to the page
        expect(page.locator("#incomplete")).to_contain_text("etiology", timeout=40_000)
        expect(_button(page, "Submit")).to_be_disabled()
        held.let_go()
        _takes_one_now(page, stage=1)
    assert _stored(server, "incomplete") == [Etiology.REACTIVE]


def test_a_page_whose_scripts_do_not_come_is_a_plain_form(browser, server):
    """Once it is loaded with its images; what is stored is flagged, since nothing was told."""
    with window(browser, server.address, troubled=True) as page:
        page.route(re.compile(r"/diagnosis-panel\.js$"), lambda route: route.fulfill(status=404))
        _open(page, "no-module")
        page.wait_for_load_state("load")
        expect(page.locator("#until-painted")).to_have_count(0)
        choose(page, Etiology.LYMPHOMA)
        submit(page)
        expect(page.locator(".where")).to_contain_text("Stage 2")
    assert _stored(server, "no-module") == [Etiology.LYMPHOMA]
    assert _events(server, "no-module") == [set()]


def test_what_another_version_kept_of_a_case_is_left_aside(browser, server):
    with window(browser, server.address) as page:
        _open(page, "older")
        images_painted(page)
        kept = f"sessionStorage.setItem('clock {code(page)}', '{{\"at\": 1}}')"
        page.add_init_script(kept)
        page.reload()
        _takes_one_now(page, stage=1)
    assert _stored(server, "older") == [Etiology.REACTIVE]
    assert _events(server, "older") == [{"painted", "choose", "submit"}]


def test_without_javascript_the_form_is_a_plain_one(browser, server):
    with window(browser, server.address, java_script_enabled=False) as page:
        _open(page, "plain")
        expect(page.locator("#until-painted")).to_be_hidden()
        choose(page, Etiology.LYMPHOMA)
        submit(page)
        keep(page)
        expect(page.locator(".where")).to_contain_text("Case 2 of 2")
    assert _stored(server, "plain") == 2 * [Etiology.LYMPHOMA]
    assert _events(server, "plain") == [set(), set()]
