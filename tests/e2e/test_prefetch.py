"""The next case's images are there before they are needed; nothing else is asked for early."""

import re

import pytest
from playwright.sync_api import Page, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import choose, code, enter, images_painted, keep, sign_in, submit, window

pytestmark = pytest.mark.e2e

OF_A_CASE = re.compile(r"/read/[-\w]+/([0-9a-f]{16})/(.+)$")


def _asked(page: Page) -> list[tuple[str, str]]:
    """(code, what) of each request about a case, as they go out."""
    asked: list[tuple[str, str]] = []

    def note(request) -> None:
        if found := OF_A_CASE.search(request.url):
            asked.append((found[1], found[2]))

    page.on("request", note)
    return asked


def test_images_come_ahead_of_their_case_and_are_fetched_once(browser, served):
    _, address = served
    with window(browser, address) as page:
        sign_in(page, "pia")
        asked = _asked(page)
        enter(page, "ahead")
        images_painted(page)
        first = code(page)
        page.wait_for_timeout(800)
        [following] = {of for of, _ in asked} - {first}
        assert sorted(what for of, what in asked if of == following) == ["bus.png", "cdfi.png"]
        choose(page, Etiology.LYMPHOMA)
        submit(page)
        assert code(page) == following
        images_painted(page)
        page.wait_for_timeout(800)
        again = [what for of, what in asked if of == following]
        assert sorted(again) == ["bus.png", "cdfi.png"], "the images were fetched twice"


def test_nothing_is_fetched_ahead_over_the_end_of_a_stage_and_never_a_heatmap(browser, served):
    _, address = served
    with window(browser, address) as page:
        sign_in(page, "pia")
        asked = _asked(page)
        enter(page, "ahead-2")
        for _ in range(2):
            images_painted(page)
            page.wait_for_timeout(800)
            in_stage_1 = {of for of, _ in asked}
            last = code(page)
            choose(page, Etiology.LYMPHOMA)
            submit(page)
        expect(page.locator("header")).to_contain_text("Stage 2, with AI")
        assert last in in_stage_1
        assert len(in_stage_1) == 2, "more than the two cases of stage 1 were asked for"
        images_painted(page)
        page.wait_for_timeout(800)
        maps = {of for of, what in asked if what.startswith("heatmap")}  # but none ahead
        assert maps == {code(page)}
        keep(page)
        images_painted(page)
