"""A new reader's way to the first case, the break hint, and the weeks between the stages."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import (
    choose,
    enter,
    fits_the_width,
    images_painted,
    screenshot,
    sign_in,
    submit,
    window,
)
from tests.services.source import facts

pytestmark = pytest.mark.e2e

TRUTH = {fact.age: fact.etiology for fact in facts(2)}
MINUTE = 60_000


def at(page: Page, place: str) -> None:
    """The page that the reader stands on, whole, with the line that says where diagnoses are."""
    expect(page).to_have_url(re.compile(f"{place}$"))
    expect(page.locator("#outbox")).to_have_count(1)
    fits_the_width(page)


def go_on(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def consent(page: Page) -> None:
    page.get_by_role("checkbox").check()
    go_on(page, "Continue")


def profile(page: Page, *, of_neck: str = "4") -> None:
    page.get_by_label("Years of ultrasound").fill("9")
    page.get_by_label("Years of neck ultrasound").fill(of_neck)
    page.get_by_label("Neck ultrasound scans per week").fill("30")
    page.get_by_label("Tried it").check()
    go_on(page, "Save and continue")


def look(page: Page, *, steps: str = "18") -> None:
    for square in ("black", "white"):
        group = page.get_by_role("group", name=f"inside the {square} one")
        group.get_by_label("Yes").check()
    page.get_by_label("How many of the steps").fill(steps)
    go_on(page, "Save and continue")


def practise(page: Page, number: int) -> None:
    """Diagnose a practice case as lymphoma, and be told."""
    images_painted(page)
    fits_the_width(page)
    age = int(page.locator(".baseline dt:text-is('Age') + dd").inner_text().split()[0])
    for secret in ("hidden-", "practice-0", "practice-1", "hidden instrument", "hidden hospital"):
        assert secret not in page.content()
    choose(page, Etiology.LYMPHOMA)
    screenshot(page, f"practice-{number}")
    go_on(page, "Submit and see the answer")
    truth = TRUTH[age]
    told = page.locator(".feedback")
    expect(told).to_contain_text(f"Benign or malignant: {truth.malignancy.label}")
    expect(told).to_contain_text(f"Etiology: {truth.label}")
    expect(told).to_contain_text("✗ Incorrect: your diagnosis was Lymphoma.")
    images_painted(page)
    screenshot(page, f"practice-{number}-answer")


def test_a_new_reader_walks_to_the_first_case(browser, served):
    site, address = served
    root = "/read/prepared/before"
    with window(browser, address, refusals=[400, 400]) as page:
        sign_in(page, "berta")
        expect(page.get_by_text("Next: Study information and consent")).to_be_visible()
        expect(page.get_by_text("4 diagnoses left.")).to_be_visible()
        screenshot(page, "my-studies-before")
        enter(page, "prepared")
        at(page, f"{root}/consent/")
        screenshot(page, "consent")
        page.get_by_role("link", name="Not now: back to my studies").click()
        enter(page, "prepared")
        go_on(page, "Continue")  # without the tick
        expect(page.get_by_role("alert")).to_contain_text("Tick the box")
        consent(page)
        at(page, f"{root}/profile/")
        profile(page, of_neck="12")
        expect(page.get_by_role("alert")).to_contain_text("more than your years of ultrasound")
        screenshot(page, "profile-refused")
        profile(page)
        at(page, f"{root}/display/")
        screenshot(page, "display")
        look(page, steps="15")
        at(page, f"{root}/display/")
        expect(page.get_by_text("brightness")).to_be_visible()
        screenshot(page, "display-failed")
        look(page)
        at(page, f"{root}/practice/1/")
        practise(page, 1)
        page.get_by_role("link", name="Go to the next practice case").click()
        at(page, f"{root}/practice/2/")
        practise(page, 2)
        page.get_by_role("link", name="Go to the first case").click()
        expect(page.locator("header")).to_contain_text("Case 1 of 2")
        images_painted(page)
        screenshot(page, "first-case")
    _is_stored(site)


def _is_stored(site) -> None:
    of = (
        " FROM {0} x JOIN reading_reader r ON r.id = x.reader_id"
        " JOIN cohorts_study s ON s.id = r.study_id WHERE s.slug = 'prepared' ORDER BY x.id"
    )
    assert site.rows(
        "SELECT years_of_ultrasound, years_of_neck_ultrasound, neck_scans_a_week, ai_use"
        + of.format("reading_profile")
    ) == [(9, 4, 30, "tried")]
    checks = site.rows("SELECT passed, seen, display" + of.format("reading_displaycheck"))
    assert [(bool(passed), json.loads(seen)["steps"]) for passed, seen, _ in checks] == [
        (False, 15),
        (True, 18),
    ]
    display = json.loads(checks[0][2])
    assert (display["window_width"], display["window_height"]) == (1280, 720)
    assert display["pixel_ratio"] == 1
    assert "Chrome" in display["browser"]
    assert len(site.rows("SELECT x.id" + of.format("reading_practicereading"))) == 2
    assert site.readings("prepared") == []


def test_the_same_way_without_javascript(browser, served):
    site, address = served
    with window(browser, address, java_script_enabled=False) as page:
        sign_in(page, "bella")
        enter(page, "bare")
        consent(page)
        profile(page)
        assert "Without JavaScript" in page.content()
        look(page)
        choose(page, Etiology.REACTIVE)
        go_on(page, "Submit and see the answer")
        page.get_by_role("link", name="Go to the first case").click()
        expect(page.locator("header")).to_contain_text("Case 1 of 1")
    assert site.value(
        "SELECT display FROM reading_displaycheck x JOIN reading_reader r ON r.id = x.reader_id"
        " JOIN cohorts_study s ON s.id = r.study_id WHERE s.slug = 'bare'"
    ) in ("{}", {})


def test_a_break_is_suggested_once_and_blocks_nothing(browser, served):
    _, address = served
    with window(browser, address) as page:
        page.clock.install()
        sign_in(page, "bruno")
        enter(page, "pause")
        hint = page.locator("#break-hint")
        images_painted(page)
        page.wait_for_function(  # until the page's clock runs
            "() => Object.keys(sessionStorage).some(name => name.startsWith('session '))"
        )
        _read_on(page, minutes=19)
        expect(hint).to_be_hidden()
        _read_on(page, minutes=2)
        expect(hint).to_be_visible()
        expect(hint).to_contain_text("20 minutes")
        screenshot(page, "break")
        page.get_by_role("button", name="Dismiss").click()
        expect(hint).to_be_hidden()
        choose(page, Etiology.LYMPHOMA)
        submit(page)
        expect(page.locator("header")).to_contain_text("Case 2 of 2")
        _read_on(page, minutes=19)
        page.reload()
        _read_on(page, minutes=3)
        expect(hint).to_be_hidden()  # dismissed, over a reload too
        page.clock.fast_forward(6 * MINUTE)  # a break
        _read_on(page, minutes=19)
        expect(hint).to_be_hidden()
        _read_on(page, minutes=2)
        expect(hint).to_be_visible()


def _read_on(page: Page, *, minutes: int) -> None:
    """Time passes, with a sign of life every minute."""
    for minute in range(minutes):
        page.clock.fast_forward(MINUTE)
        page.mouse.move(400 + minute, 300)
    page.clock.run_for(6_000)


def test_the_washout_counts_down(browser, served):
    _, address = served
    with window(browser, address) as page:
        page.clock.install()
        sign_in(page, "bianca")
        enter(page, "weeks")
        images_painted(page)
        page.clock.run_for(2_000)
        choose(page, Etiology.LYMPHOMA)
        submit(page)
        expect(page.get_by_role("heading", name="Stage 1 is complete")).to_be_visible()
        left = page.locator("[data-seconds]")
        expect(left).to_have_text("14 days")
        screenshot(page, "washout")
        page.get_by_role("link", name="Back to my studies").click()
        expect(left).to_have_text("14 days")
        screenshot(page, "my-studies-washout")
        page.clock.fast_forward(26 * 60 * MINUTE)
        page.clock.run_for(16_000)
        expect(left).to_have_text("12 days 22 hours")
        fits_the_width(page)
