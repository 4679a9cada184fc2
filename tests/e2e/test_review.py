"""A person looks at images in a real browser: draws a box, types one, approves what was seen."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests import servers
from tests.e2e.browsing import look_at_all, screenshot, sign_in, window
from tests.services.site import Site, Sketch

WIDTH, HEIGHT = 640, 480  # of the images


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """A small site with a draft whose images nobody has looked at, and its address."""
    site = Site(tmp_path_factory.mktemp("waiting"))
    site.build(Sketch("waiting", cases=3, steps=(), looked_at=False))
    with servers.gunicorn(site.env) as address:
        yield site, address


def open_queue(page: Page) -> None:
    sign_in(page, "root")
    page.goto("/admin/cohorts/cohort/")
    page.get_by_role("link", name="Review").click()
    expect(page.get_by_role("heading", name="Images of waiting / hidden-cohort")).to_be_visible()


def edges(card) -> list[int]:
    return [
        int(card.get_by_label(name, exact=True).input_value())
        for name in ("Left", "Top", "Right", "Bottom")
    ]


def size(card) -> tuple[int, ...]:
    label = card.get_by_role("img").first.get_attribute("aria-label")
    return tuple(map(int, re.search(r"(\d+) by (\d+) pixels", label).groups()))


def test_a_box_is_drawn_with_the_mouse_and_typed(browser, waiting):
    _, address = waiting
    with window(browser, address) as page:
        open_queue(page)
        card = page.locator("[data-image]").first
        name = card.get_by_role("heading").inner_text()
        card.get_by_text("Crop", exact=True).click()
        preview = card.locator("svg.preview")
        preview.scroll_into_view_if_needed()
        at = preview.bounding_box()
        scale = at["width"] / WIDTH
        page.mouse.move(at["x"] + 300 * scale, at["y"] + 200 * scale)
        page.mouse.down()
        page.mouse.move(at["x"] + 40 * scale, at["y"] + 24 * scale, steps=4)
        page.mouse.up()
        drawn = edges(card)
        assert all(
            abs(found - meant) <= 2 for found, meant in zip(drawn, (40, 24, 300, 200), strict=True)
        )
        screenshot(page, "review-crop")
        card.get_by_label("Left", exact=True).fill("50")
        assert card.locator("rect.crop").get_attribute("x") == "50"
        drawn = edges(card)
        card.get_by_role("button", name="Crop to this box").click()
        expect(page.get_by_text("Review the result.")).to_be_visible()
        card = page.locator("[data-image]", has=page.get_by_role("heading", name=name))
        assert size(card) == (drawn[2] - drawn[0], drawn[3] - drawn[1])
        expect(card).to_contain_text("Cropped by hand: review the result")


def test_a_whole_page_is_approved_once_it_was_seen(browser, waiting):
    site, address = waiting
    with window(browser, address) as page:
        open_queue(page)
        tick = page.get_by_role("button", name="Tick all on this page")
        expect(tick).to_be_disabled()
        look_at_all(page)
        expect(page.get_by_text("All images viewed.")).to_be_visible()
        tick.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("6 images approved.")).to_be_visible()
        expect(page.get_by_text("There are no images here.")).to_be_visible()
    assert site.value("SELECT count(*) FROM cohorts_imagereview WHERE state = %s", "approved") == 6
