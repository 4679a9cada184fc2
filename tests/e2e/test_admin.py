"""An admin leads a study through its life by clicking; then the investigator takes the results."""

import csv

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.accessible import violations
from tests.e2e.browsing import fits_the_width, screenshot, sign_in, window
from tests.services.build import PASSWORD
from tests.services.site import Client, Site, age_of, submit_body, truth_by_age, wait_for_jobs

pytestmark = pytest.mark.e2e

CASES = 2
TRUTH = truth_by_age(CASES)


def test_from_set_up_to_the_archive(browser, served, tmp_path):
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "root")
        page.get_by_role("link", name="Go to the admin").click()
        page.get_by_role("link", name="Studies").first.click()
        page.get_by_role("link", name="life", exact=True).click()
        _set_up(page, browser, site, address)
        _read_with_a_pause(page, site, address)
        _sealed(browser, address)
        _take(page, "Lock the study")
        _take(page, "Request unblinding", reason="All is read")
        expect(page.locator("#standing")).to_contain_text("root requested the unblinding")
        expect(page.get_by_role("link", name="Confirm unblinding")).to_have_count(0)
        _accessible(page, "admin-unblinding-asked")
        _sealed(browser, address)
        _confirm(browser, address)
        _results(browser, address, tmp_path)
        page.reload()
        _take(page, "Archive the study")
        expect(page.get_by_role("heading", name="The study is archived")).to_be_visible()
        expect(page.get_by_label("Title")).to_have_count(0)
        _accessible(page, "admin-study-archived")
    with window(browser, address) as page:
        sign_in(page, "irene")
        page.get_by_role("link", name="Progress and results").click()
        expect(page.get_by_text("The study is archived")).to_be_visible()
        expect(page.get_by_role("button", name="Run analysis")).to_have_count(0)
        page.get_by_role("link", name="Run 1").click()
        expect(page.locator("#cohort-1")).to_be_visible()


def _take(page: Page, button: str, *, reason: str = "") -> None:
    """From the study's page through the step's own, with the password."""
    page.get_by_role("link", name=f"{button}…").click()
    expect(page.get_by_text("What it forbids")).to_be_visible()
    if reason:
        page.get_by_label("Reason").fill(reason)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name=button).click()
    expect(page.locator(".messagelist .info")).to_contain_text("Study life")


def _line(page: Page, title: str) -> Locator:
    """A line of the checklist."""
    return page.locator("#setup tr", has=page.get_by_role("rowheader", name=title, exact=True))


def _set_up(page: Page, browser, site: Site, address: str) -> None:
    expect(_line(page, "Model results")).to_contain_text(
        "2 cases have no model result yet. Run the model first."
    )
    expect(_line(page, "Analysis plan")).to_contain_text("Missing")
    _accessible(page, "admin-study-draft")
    page.get_by_role("link", name="Copy…").click()
    expect(page.get_by_role("checkbox", name="Cohorts", exact=True)).to_be_checked()
    _accessible(page, "admin-study-copy", within="#content-main")
    page.get_by_role("link", name="Back to the study").click()
    page.get_by_role("link", name="Open the study…").click()
    _accessible(page, "admin-step-open", within="#content-main")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Open the study").click()
    expect(page.get_by_role("alert")).to_contain_text("This step was refused. Nothing was changed:")
    expect(page.locator("#content-main > .errorlist")).to_contain_text("Run the model first")
    page.get_by_role("link", name="Back to the study").click()
    page.get_by_role("button", name="Run the model on all testing cases").click()
    expect(page.locator(".messagelist .info")).to_contain_text("the model jobs are queued")
    wait_for_jobs(site, "life", "done")
    _register_plan(browser, address)
    page.reload()
    expect(page.locator("#setup [data-state=missing]")).to_have_count(0)
    page.get_by_role("link", name="Open the study…").click()
    page.get_by_label("Your password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist")).to_contain_text("Wrong password")
    page.get_by_role("link", name="Back to the study").click()
    _take(page, "Open the study")
    expect(page.locator(".field-frozen_sha256")).to_contain_text(
        site.value(
            "SELECT p.frozen_sha256 FROM cohorts_protocol p"
            " JOIN cohorts_study s ON s.id = p.study_id WHERE s.slug = 'life'"
        )
    )
    _accessible(page, "admin-study-open")


def _read_with_a_pause(page: Page, site: Site, address: str) -> None:
    dora = Client(address, "dora")
    case = dora.case("life")["case"]
    body = submit_body(code=case["code"], etiology=TRUTH[age_of(case)])
    _take(page, "Pause reading", reason="The server moves")
    refused = dora.post("life", body)
    assert (refused.status_code, refused.json()["refusal"]) == (503, "StudyPaused")
    expect(page.locator("#past")).to_contain_text("The server moves")
    _take(page, "Resume reading")
    assert dora.post("life", body).status_code == 201
    dora.read("life", lambda _stage, age: TRUTH[age])


def _confirm(browser, address: str) -> None:
    """The second investigator, who is no staff, confirms by the keyboard alone."""
    with window(browser, address) as page:
        sign_in(page, "ivo")
        page.goto("/admin/cohorts/study/")
        page.get_by_role("link", name="life", exact=True).click()
        confirm = page.get_by_role("link", name="Confirm unblinding…")
        confirm.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("by root on")).to_be_visible()
        page.get_by_label("Your password").focus()
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="The study is unblinded")).to_be_visible()


def _accessible(page: Page, name: str, *, within: str = "#study-panel") -> None:
    """What Django's own form looks like is not ours."""
    screenshot(page, name)
    assert violations(page, within=within) == []


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
        page.get_by_role("button", name="Register plan").click()
        expect(page.get_by_role("alert")).to_contain_text("seed: must be at least 0, not -1.")
        screenshot(page, "plan-refused")
        page.get_by_label("Plan (JSON)").fill('{"intervals": {"resamples": 200}}')
        page.get_by_role("button", name="Register plan").click()
        expect(page.locator("#plan")).to_contain_text("Registered by irene")
        page.get_by_text("The registered plan", exact=True).click()
        expect(page.locator("#plan pre")).to_contain_text('"resamples": 200')
        screenshot(page, "plan-registered")


def _results(browser, address: str, folder) -> None:
    with window(browser, address) as page:
        sign_in(page, "irene")
        page.get_by_role("link", name="Progress and results").click()
        expect(page.get_by_text("No analysis has been run yet")).to_be_visible()
        page.get_by_role("button", name="Run analysis").click()
        # The page shows them by itself, once the child process has stored them.
        expect(page.locator("#cohort-1")).to_be_visible(timeout=120_000)
        expect(page.locator("#preparing")).to_have_count(0, timeout=240_000)
        expect(page.get_by_text("Plan registered before")).to_be_visible()
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
