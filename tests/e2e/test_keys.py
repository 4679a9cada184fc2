"""A whole case by keyboard alone, with the reader's own keys or with none."""

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import enter, images_painted, screenshot, sign_in, window
from tests.services.site import Site

pytestmark = pytest.mark.e2e


def _open(page: Page, slug: str) -> None:
    sign_in(page, "kim")
    enter(page, slug)
    _ready(page)


def _ready(page: Page) -> None:
    """The shortcuts are there, and the diagnosis can be submitted."""
    images_painted(page)
    expect(page.get_by_role("toolbar", name="Images")).to_be_visible()
    expect(page.locator(".send-chosen")).to_be_enabled()


def _is_at(page: Page, *, stage: int, number: int) -> None:
    expect(page.locator(".where")).to_contain_text(f"Stage {stage}")
    expect(page.locator(".where")).to_contain_text(f"Case {number} of")
    _ready(page)


def _stored(site: Site, slug: str) -> list[tuple[int, str]]:
    return [(stage, etiology) for _, stage, _, _, etiology in site.readings(slug)]


def _radio(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=name)


def _dialog(page: Page) -> Locator:
    page.get_by_role("button", name="Keyboard shortcuts").click()
    return page.get_by_role("dialog", name="Keyboard shortcuts")


def _change(dialog: Locator, action: str, key: str) -> None:
    dialog.get_by_role("button", name=f"Change: {action}", exact=True).click()
    expect(dialog.get_by_role("status")).to_contain_text(f"Press the new key for “{action}”")
    dialog.page.keyboard.press(key)


def test_a_case_takes_three_keys_alone_and_one_with_the_ai(browser, served):
    site, address = served
    with window(browser, address) as page:
        _open(page, "keyed")
        for key in ("m", "4", "Enter"):
            page.keyboard.press(key)
        _is_at(page, stage=2, number=1)
        screenshot(page, "keys-stage-2")
        page.keyboard.down("h")
        page.wait_for_timeout(400)
        page.keyboard.up("h")
        page.keyboard.press("k")
        _is_at(page, stage=1, number=2)
        for key in ("b", "2", "Enter"):
            page.keyboard.press(key)
        _is_at(page, stage=2, number=2)
        for key in ("8", "m", "3", "Enter"):  # another level's maps, another diagnosis
            page.keyboard.press(key)
        expect(page.get_by_role("heading", name="All cases are read")).to_be_visible()
    assert _stored(site, "keyed") == [
        (1, Etiology.METASTATIC),
        (2, Etiology.METASTATIC),
        (1, Etiology.TUBERCULOUS),
        (2, Etiology.LYMPHOMA),
    ]
    _what_was_shown_is_told(site)


def _what_was_shown_is_told(site: Site) -> None:
    told = site.rows(
        "SELECT t.exposure, t.events FROM reading_trace t JOIN reading_reading g"
        " ON g.id = t.reading_id JOIN reading_assignment a ON a.id = g.assignment_id"
        " JOIN reading_reader r ON r.id = a.reader_id JOIN cohorts_study s ON s.id = r.study_id"
        " WHERE s.slug = 'keyed' AND a.stage = 2 ORDER BY g.id"
    )
    first, second = [
        ({span["level"]: span for span in json.loads(shown)}, json.loads(events))
        for shown, events in told
    ]
    assert first[0].keys() == {0, 1}
    assert first[0][0]["ms"] >= 300, "the time in which the map was held away"
    assert (first[0][1]["opacity"], first[0][1]["colour_map"]) == (50, "inferno")
    assert [detail for _, name, detail in first[1] if name == "overlay-held"] == ["hidden", "shown"]
    assert second[0].keys() >= {0, 1, 2} or second[0].keys() >= {1, 2}


@pytest.mark.parametrize("spot", ["radio", "image", "page"])
def test_enter_submits_once_wherever_the_focus_is(browser, served, spot):
    site, address = served
    with window(browser, address) as page:
        _open(page, "enter-once")
        sent = []
        page.on("request", lambda request: sent.append(request.url) if _is_post(request) else None)
        page.route("**/readings/", lambda route: route.abort())  # the case stays for the next spot
        page.keyboard.press("m")
        page.keyboard.press("3")
        if spot == "radio":
            _radio(page, "Lymphoma").focus()
        elif spot == "image":
            page.locator(".pane").first.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.wait_for_timeout(400)
        assert len(sent) == 1
    assert _stored(site, "enter-once") == []


def _is_post(request) -> bool:
    return request.method == "POST"
