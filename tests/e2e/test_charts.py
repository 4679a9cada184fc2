"""An investigator explores a figure: by mouse, by keyboard, and not at all without JavaScript."""

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from analysis.figures.theme import MINUS
from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import fits_the_width, screenshot, sign_in, window
from tests.servers import wait_until
from tests.services.site import Client, truth_by_age

pytestmark = pytest.mark.e2e

CASES = 8
RUN = "/results/explored/runs/1/"
TRUTH = truth_by_age(CASES)


@pytest.fixture(scope="module")
def address(served):
    """A site with an analysed study: the AI puts right what its first reader took for lymphoma,
    and the second makes no mistake."""
    site, address = served
    Client(address, "emil").read(
        "explored", lambda stage, age: TRUTH[age] if stage == 2 else Etiology.LYMPHOMA
    )
    Client(address, "ewa").read("explored", lambda _stage, age: TRUTH[age])
    for step in ("lock", "unblind"):
        site.manage("study", "explored", step)
    plan = json.dumps({"intervals": {"resamples": 200}, "sections": ["table2", "roc"]})
    Client(address, "ines").start_run("explored", document=plan)
    wait_until(lambda: site.files_are_made("explored", 1), what="the run's files", patience=240)
    return address


def _roc(page: Page) -> Locator:
    sign_in(page, "ines")
    page.goto(RUN)
    part = page.locator("#figure-roc-1")
    if part.get_attribute("open") is None:
        part.locator("> summary").click()
    expect(part.locator("img.figure")).to_be_visible()
    return part


def _text(part: Locator, line: str) -> Locator:
    """A line of text on the chart."""
    return part.locator("svg").get_by_text(line, exact=True)


def _filled_mark(part: Locator, color: str) -> dict[str, float]:
    """The middle of the last mark of this colour above the legend: in the enlarged panel."""
    boxes = [mark.bounding_box() for mark in part.locator(f"svg path[fill='{color}']").all()]
    legend = _text(part, "senior, with AI").bounding_box()
    box = max((box for box in boxes if box["y"] < legend["y"] - 20), key=lambda box: box["x"])
    return {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}


def test_a_chart_opens_by_keyboard_and_reads_its_points(browser, address):
    with window(browser, address) as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url.removeprefix(address)))
        part = _roc(page)
        page.wait_for_load_state("networkidle")
        assert not [url for url in asked if "vendor" in url or "/charts/" in url]
        part.get_by_role("button", name="Explore ROC").focus()
        page.keyboard.press("Enter")
        expect(part.locator("svg")).to_be_visible()
        expect(part.locator("img.figure")).to_be_hidden()
        assert asked.count(f"{RUN}charts/roc-1.json") == 1
        page.keyboard.press("Tab")
        expect(part.get_by_role("application")).to_be_focused()
        for stage, right in (("without AI", 2), ("with AI", 8)):
            page.keyboard.press("ArrowRight")
            lines = (
                f"R1, senior, {stage}",
                f"sensitivity {100 * right / CASES:.1f}%",
                f"1 {MINUS} specificity {100 * (1 - right / CASES) / 3:.1f}%",
                f"n = {CASES} patients",
            )
            for line in lines:
                expect(_text(part, line)).to_be_visible()
            expect(part.get_by_role("status")).to_have_text(", ".join(lines))
        screenshot(page, "chart-roc")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("End")
        end = f"sensitivity 100.0%, 1 {MINUS} specificity 100.0%"
        expect(part.get_by_role("status")).to_contain_text(end)
        page.keyboard.press("Escape")
        expect(part.locator("svg text", has_text="threshold")).to_have_count(0)
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(part.locator("img.figure")).to_be_visible()
        expect(part.locator("svg")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(part.locator("svg")).to_be_visible()
        assert asked.count(f"{RUN}charts/roc-1.json") == 1
        fits_the_width(page)


def test_hovering_reads_a_point_and_a_curve(browser, address):
    with window(browser, address) as page:
        part = _roc(page)
        part.get_by_role("button", name="Explore ROC").click()
        expect(part.locator("svg")).to_be_visible()
        part.locator("svg").scroll_into_view_if_needed()
        at = _filled_mark(part, "#35c79a")
        page.mouse.move(at["x"] + 3, at["y"] + 3)
        for reader in ("R1, senior", "R2, middle"):  # both on this spot
            expect(_text(part, f"{reader}, with AI")).to_be_visible()
        expect(_text(part, "sensitivity 100.0%")).to_be_visible()
        title = _text(part, f"hidden-cohort, n = {CASES} patients").bounding_box()
        # The panel's upper right corner is (100%, 100%), where every curve ends.
        frame = part.locator("svg").bounding_box()
        page.mouse.move(frame["x"] + frame["width"] / 2 - 25, title["y"] + 30)
        expect(part.locator("svg text", has_text="CLA-HDM, AUC 0.")).to_be_visible()
        expect(part.locator("svg text", has_text="threshold")).to_be_visible()
        screenshot(page, "chart-roc-hovered")
        page.mouse.move(5, 5)
        expect(part.locator("svg text", has_text="threshold")).to_have_count(0)
        _text(part, "senior, with AI").click()
        page.mouse.move(at["x"], at["y"])
        expect(_text(part, "R2, middle, with AI")).to_be_visible()
        expect(_text(part, "R1, senior, with AI")).to_have_count(0)


def test_a_chart_that_does_not_come_leaves_the_picture(browser, address):
    with window(browser, address, refusals=[503]) as page:
        part = _roc(page)
        page.route("**/charts/roc-1.json", lambda route: route.fulfill(status=503))
        button = part.get_by_role("button", name="Explore ROC")
        button.click()
        expect(part.get_by_role("alert")).to_contain_text("could not be loaded")
        expect(part.locator("img.figure")).to_be_visible()
        page.unroute("**/charts/roc-1.json")
        button.click()
        expect(part.locator("svg")).to_be_visible()
        expect(part.get_by_role("alert")).to_be_hidden()


def test_without_javascript_there_is_the_picture(browser, address):
    with window(browser, address, java_script_enabled=False) as page:
        part = _roc(page)
        expect(part.get_by_text("Explore")).to_be_hidden()
        expect(part.get_by_role("application")).to_be_hidden()


def test_the_curves_by_etiology_can_be_explored(browser, address):
    with window(browser, address) as page:
        sign_in(page, "ines")
        page.goto(RUN)
        part = page.locator("#figure-etiologies")
        if part.get_attribute("open") is None:
            part.locator("> summary").click()
        part.get_by_role("button", name="Explore ROC of the model by etiology").click()
        part.get_by_role("application").focus()
        for etiology in Etiology:
            page.keyboard.press("ArrowDown")
            expect(part.get_by_role("status")).to_contain_text(f"{etiology.label}, AUC")
        screenshot(page, "chart-etiologies")
