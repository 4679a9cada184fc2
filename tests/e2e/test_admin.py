"""An admin leads a study through its life by clicking; then the investigator takes the results."""

import csv

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import fits_the_width, screenshot, sign_in, window
from tests.services.site import Client, Site, truth_by_age, wait_for_jobs

pytestmark = pytest.mark.e2e

CASES = 2
TRUTH = truth_by_age(CASES)


def _act(page: Page, action: str) -> None:
    """Tick the study in the list and take an action."""
    page.goto("/admin/cohorts/study/")
    row = page.locator("#result_list tr", has=page.get_by_role("link", name="life", exact=True))
    row.get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option(label=action)
    page.get_by_role("button", name="Go", exact=True).click()


def _told(page: Page, message: str, *, kind: str = "info") -> None:
    expect(page.locator(f".messagelist .{kind}")).to_contain_text(message)


def test_from_draft_to_results(browser, served, tmp_path):
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "root")
        page.get_by_role("link", name="Go to the admin").click()
        page.get_by_role("link", name="Studies").first.click()
        page.get_by_role("link", name="life", exact=True).click()
        missing = page.locator(".field-still_missing .readonly")
        expect(missing).to_contain_text("2 cases have no model result yet; run the model first.")
        screenshot(page, "admin-study-draft")
        _open_to_reading(page, site, address)
        _sealed(browser, address)
        _register_plan(browser, address)
        _act(page, "Unblind: unseal the results")
        _told(page, "The study is open; this needs it to be locked", kind="error")
        _act(page, "Lock: take no more readings")
        _told(page, "Study life: Locked.")
        _sealed(browser, address)
        _act(page, "Unblind: unseal the results")
        _told(page, "Study life: Unblinded.")
        screenshot(page, "admin-study-list")
    _results(browser, address, tmp_path)


def _open_to_reading(page: Page, site: Site, address: str) -> None:
    _act(page, "Open: draw orders, freeze the protocol")
    _told(page, "run the model first", kind="error")
    screenshot(page, "admin-open-refused")
    _act(page, "Run the model on all testing cases")
    _told(page, "The model's jobs are queued")
    wait_for_jobs(site, "life", "done")
    page.goto("/admin/cohorts/study/")
    page.get_by_role("link", name="life", exact=True).click()
    expect(page.locator(".field-still_missing")).to_contain_text("Nothing: it can be opened.")
    _act(page, "Open: draw orders, freeze the protocol")
    _told(page, "Study life: Open.")
    page.get_by_role("link", name="life", exact=True).click()
    expect(page.locator(".field-frozen_sha256")).to_contain_text(
        site.value(
            "SELECT p.frozen_sha256 FROM cohorts_protocol p"
            " JOIN cohorts_study s ON s.id = p.study_id WHERE s.slug = 'life'"
        )
    )
    screenshot(page, "admin-study-open")
    Client(address, "dora").read("life", lambda _stage, age: TRUTH[age])


def _sealed(browser, address: str) -> None:
    with window(browser, address, refusals=[403]) as page:
        sign_in(page, "irene")
        page.get_by_role("link", name="Progress and results").click()
        expect(page.get_by_role("heading", name="Results are sealed")).to_be_visible()
        expect(page.get_by_text("2 of 2")).to_have_count(2)
        expect(page.get_by_role("link", name="Metrics (CSV)")).to_have_count(0)
        screenshot(page, "results-sealed")
        page.goto("/results/life/runs/1/metrics.csv")
        expect(page.get_by_text("Results stay sealed")).to_be_visible()


def _register_plan(browser, address: str) -> None:
    with window(browser, address, refusals=[400]) as page:
        sign_in(page, "irene")
        page.get_by_role("link", name="Progress and results").click()
        fits_the_width(page)
        page.get_by_label("Plan (JSON)").fill('{"seed": -1}')
        page.get_by_role("button", name="Register this plan").click()
        expect(page.get_by_role("alert")).to_contain_text("seed: must be at least 0, not -1.")
        screenshot(page, "plan-refused")
        page.get_by_label("Plan (JSON)").fill('{"intervals": {"resamples": 200}}')
        page.get_by_role("button", name="Register this plan").click()
        expect(page.locator("#plan")).to_contain_text("Registered by irene")
        page.get_by_text("The registered plan", exact=True).click()
        expect(page.locator("#plan pre")).to_contain_text('"resamples": 200')
        screenshot(page, "plan-registered")


def _results(browser, address: str, folder) -> None:
    with window(browser, address) as page:
        sign_in(page, "irene")
        page.get_by_role("link", name="Progress and results").click()
        expect(page.get_by_text("no analysis was run yet")).to_be_visible()
        page.get_by_role("button", name="Run analysis").click()
        # The page shows them by itself, once the child process has stored them.
        expect(page.locator("#cohort-1")).to_be_visible(timeout=120_000)
        expect(page.get_by_text("By the plan that was registered before")).to_be_visible()
        screenshot(page, "results")
        fits_the_width(page)
        for section in ("#baseline", "#mrmc"):
            page.locator(f"{section} summary").click()
            expect(page.locator(f"{section} table").first).to_be_visible()
        screenshot(page, "results-unfolded")
        fits_the_width(page)
        expect(page.get_by_text("CLA-HDM test (untrained model): its output")).to_be_visible()
        _figures(page)
        line = page.locator("#cohort-1 [data-subject=R1]")
        expect(line).to_contain_text("2 of 2 → 2 of 2")
        expect(line.locator("[data-metric=with-accuracy] b")).to_have_text("100.0")
        for name in ("metrics", "tests"):
            with page.expect_download() as download:
                page.get_by_role("link", name=f"{name.capitalize()} (CSV)").click()
            assert download.value.suggested_filename == f"life-run-1-{name}.csv"
            download.value.save_as(folder / name)
            rows = list(csv.DictReader((folder / name).open(encoding="utf-8")))
            assert {row["n"] for row in rows if row["subject"] == "R1"} >= {str(CASES)}
        with page.expect_download() as download:
            page.get_by_role("link", name="Report (PDF)").click()
        assert download.value.suggested_filename == "life-run-1-report.pdf"


def _figures(page: Page) -> None:
    """Each is drawn once it is unfolded, in the size that the page kept free for it."""
    for part in page.locator("#figures > details").all():
        if part.get_attribute("open") is None:
            part.locator("> summary").click()
    pictures = page.locator("img.figure")
    assert pictures.count() >= 8
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", value=True, timeout=60_000)
        sides = picture.evaluate(
            "i => [i.naturalWidth - i.width, i.naturalHeight - i.height].map(Math.abs)"
        )
        assert max(sides) <= 1
    screenshot(page, "results-figures")
    fits_the_width(page)


@pytest.mark.parametrize(
    ("form", "field", "name"),
    [
        ("reading/reader", "#id_study", "Study {}"),
        ("cohorts/case", "#id_cohort", "{} / hidden-cohort"),
        ("cohorts/cohort", "#id_study", "Study {}"),
    ],
)
def test_only_a_draft_study_is_offered_for_a_new_row(browser, served, form, field, name):
    """The database refuses more of what an open study rests on; the form must not offer it."""
    _, address = served
    with window(browser, address) as page:
        sign_in(page, "root")
        page.goto(f"/admin/{form}/add/")
        offered = page.locator(f"{field} option").all_inner_texts()
        assert name.format("draft") in offered
        assert name.format("opened") not in offered
