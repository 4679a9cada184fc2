"""Whatever a reader clicks, however fast and in how many tabs: a case is read once, as meant."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Locator, Page, Route, expect

from readerstudy.diagnosis import Etiology
from tests import servers
from tests.e2e.browsing import (
    choose,
    code,
    enter,
    heatmaps_drawn,
    images_painted,
    screenshot,
    sign_in,
    submit,
    window,
)

pytestmark = pytest.mark.e2e

SUBMIT = re.compile("^Submit")


def _hold(page: Page, address: re.Pattern, held: list[Route], *, count: int = 99) -> None:
    """Keep the first requests to this address back until they are let go."""

    def keep(route: Route) -> None:
        held.append(route)
        if len(held) > count:
            route.continue_()

    page.route(address, keep)


def _middle(target: Locator) -> tuple[float, float]:
    target.scroll_into_view_if_needed()
    expect(target).to_be_enabled()
    box = target.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_double_click_and_a_click_of_impatience_send_one_submit(browser, served):
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "boris")
        enter(page, "double")
        choose(page, Etiology.LYMPHOMA)
        first, held = code(page), []
        _hold(page, re.compile(r"/double/readings/(\?|$)"), held)
        spot = _middle(page.get_by_role("button", name=SUBMIT))
        page.mouse.dblclick(*spot)
        servers.wait_until(lambda: page.wait_for_timeout(50) or held, what="the submit")
        page.mouse.click(*spot)
        page.wait_for_timeout(500)
        assert len(held) == 1
        held[0].continue_()
        expect(page.locator("header")).to_contain_text("Case 2 of 2")
        assert code(page) != first
    assert [etiology for *_, etiology in site.readings("double")] == [Etiology.LYMPHOMA]


def test_the_second_click_on_keep_does_not_answer_the_next_case(browser, served):
    """The next page has its own "Keep" in the same place, and nobody has looked at it yet."""
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "boris")
        enter(page, "impatient")
        for _ in range(3):
            choose(page, Etiology.LYMPHOMA)
            submit(page)
        heatmaps_drawn(page, level=1)
        spot = _middle(page.get_by_role("button", name=re.compile("^Keep")))
        page.mouse.click(*spot)
        page.locator("header", has_text="Case 2 of 3").wait_for()
        page.mouse.click(*spot)
        page.wait_for_timeout(1500)
        expect(page.locator("header")).to_contain_text("Case 2 of 3")
    assert [stage for _, stage, *_ in site.readings("impatient")] == [1, 1, 1, 2]


def test_two_tabs_at_once_store_one_reading_and_the_second_is_told(browser, served):
    site, address = served
    with window(browser, address, troubled=True) as page:
        sign_in(page, "boris")
        other = page.context.new_page()
        tabs = {page: Etiology.REACTIVE, other: Etiology.METASTATIC}
        held: list[Route] = []
        for tab, etiology in tabs.items():
            enter(tab, "tabs")
            choose(tab, etiology)
            _hold(tab, re.compile(r"/tabs/readings/(\?|$)"), held, count=2)
        assert code(page) == code(other)
        for tab in tabs:
            tab.get_by_role("button", name=SUBMIT).click(no_wait_after=True)
        servers.wait_until(
            lambda: page.wait_for_timeout(50) or len(held) == 2, what="both tabs' submits"
        )
        for route in held[:2]:
            route.continue_()
        for tab in tabs:
            expect(tab.locator("header")).to_contain_text("Case 2 of 2")
        told = page.get_by_text("already read this case")
        servers.wait_until(
            lambda: told.count() + other.get_by_text("already read this case").count(),
            what="a word to the second",
        )
        screenshot(page, "refused-second-tab")
        [stored] = [etiology for *_, etiology in site.readings("tabs")]
        assert stored in tabs.values()
        assert code(page) == code(other)
        page.reload()
        expect(told).to_be_visible()  # until it is understood, by whichever tab
        page.get_by_role("button", name="OK", exact=True).click()
        expect(page.locator("#refusals")).to_have_text("")
        page.reload()
        images_painted(page)
        expect(page.locator("#refusals")).to_have_text("")


def test_back_after_a_submit_leads_to_no_second_reading(browser, served):
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "boris")
        enter(page, "back")
        read = code(page)
        choose(page, Etiology.TUBERCULOUS)
        submit(page)
        current = code(page)
        assert current != read
        with suppress(Error):  # an entry that the browser will not show again
            page.go_back()
        if page.locator("#diagnosis").count() == 0:
            enter(page, "back")
        images_painted(page)
        assert code(page) == current, "Back shows a case that is read already"
        expect(page.get_by_role("radio", checked=True)).to_have_count(0)
        choose(page, Etiology.METASTATIC)
        submit(page)
    assert [etiology for *_, etiology in site.readings("back")] == [
        Etiology.TUBERCULOUS,
        Etiology.METASTATIC,
    ]
    cases = [case_id for _, _, case_id, *_ in site.readings("back")]
    assert len(set(cases)) == 2


def test_the_enter_key_submits_what_is_chosen(browser, served):
    """In stage 2, Enter on a chosen etiology must not send the button that stands first: keep."""
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "boris")
        enter(page, "enter-key")
        choose(page, Etiology.LYMPHOMA)
        submit(page)
        choose(page, Etiology.REACTIVE)
        page.get_by_role("radio", name=Etiology.REACTIVE.label).press("Enter")
        page.wait_for_timeout(1500)
        stored = [etiology for _, stage, _, _, etiology in site.readings("enter-key") if stage == 2]
        assert stored in ([], [Etiology.REACTIVE])


def test_the_overlay_is_of_the_level_that_is_switched_on(browser, served):
    """Also when the map of the other level arrives late."""
    _, address = served
    with window(browser, address) as page:
        sign_in(page, "boris")
        enter(page, "overlay")
        choose(page, Etiology.LYMPHOMA)
        late: list[Route] = []
        _hold(page, re.compile(r"/heatmap/1/cdfi\.png$"), late)
        submit(page)
        servers.wait_until(
            lambda: page.wait_for_timeout(50) or late, what="the request for a level-1 map"
        )
        page.get_by_role("radio", name="Level 2").check()
        heatmaps_drawn(page, level=2)
        late[0].continue_()
        page.wait_for_timeout(1000)
        heatmaps_drawn(page, level=2)
