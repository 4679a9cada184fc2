"""The strict content security policy holds on every kind of page: ``window`` sees to it."""

import pytest
from playwright.sync_api import Page, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import choose, enter, screenshot, sign_in, window

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    "script",
    [
        "const s = document.createElement('script'); s.textContent = '1'; document.body.append(s)",
        "document.body.setAttribute('style', 'color: red')",
        "new Image().src = 'http://localhost:9/elsewhere.png'",
    ],
)
def test_the_watch_sees_what_it_watches_for(browser, served, script):
    _, address = served
    with pytest.raises(AssertionError, match="CSP: "):
        _run(browser, address, script)


def _run(browser, address: str, script: str) -> None:
    with window(browser, address) as page:
        page.goto("/accounts/sign-in/")
        page.evaluate(f"() => {{ {script} }}")
        page.wait_for_timeout(300)


def test_pages_of_refusal(browser, served):
    _, address = served
    with window(browser, address, refusals=[404, 404, 403, 403, 404]) as page:
        page.goto("/accounts/sign-in/")
        page.get_by_label("Username").fill("boris")
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("correct username and password")).to_be_visible()
        screenshot(page, "sign-in-refused")
        page.goto("/no/such/page/")
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
        sign_in(page, "clara")
        page.goto("/read/draft-of-nobody/")
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
        screenshot(page, "not-found")
        page.goto("/admin/")
        expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
        screenshot(page, "not-allowed")
        enter(page, "opened")
        page.locator("[name=csrfmiddlewaretoken]").last.evaluate("field => field.value = 'x'")
        choose(page, Etiology.LYMPHOMA)
        page.locator("#diagnosis").evaluate("form => form.submit()")  # as without scripts
        expect(page.get_by_text("Nothing was stored")).to_be_visible()
        screenshot(page, "csrf-failure")
        page.goto("/results/opened/")
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()


def test_pages_without_a_case(browser, served):
    _, address = served
    with window(browser, address) as page:
        sign_in(page, "clara")
        expect(page.get_by_text("Reading in this study has ended")).to_be_visible()
        for slug, heading in (
            ("unread", "No reading at the moment"),
            ("draft", "No reading at the moment"),
        ):
            page.goto(f"/read/{slug}/")
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
            screenshot(page, f"no-case-{slug}")


def test_results_without_a_single_reading(browser, served):
    _, address = served
    with window(browser, address) as page:
        sign_in(page, "ivan")
        for slug in ("draft", "opened"):
            page.goto(f"/results/{slug}/")
            expect(page.get_by_role("heading", name="Results are sealed")).to_be_visible()
            screenshot(page, f"results-sealed-{slug}")
        page.goto("/results/unread/")
        page.get_by_role("button", name="Run analysis").click()
        expect(page.locator("#cohort-1")).to_be_visible(timeout=120_000)
        expect(page.locator("[data-subject=CLA-HDM]").first).to_be_visible()
        screenshot(page, "results-unread")


def test_every_page_of_the_admin(browser, served):
    """Each list, its form for a new row, and its first row."""
    _, address = served
    with window(browser, address) as page:
        sign_in(page, "root")
        screenshot(page, "home-of-an-admin")
        page.get_by_role("link", name="Go to the admin").click()
        expect(page.locator("#site-name")).to_be_visible()
        screenshot(page, "admin")
        lists = _links(page, "#content-main th a")
        forms = _links(page, "#content-main a.addlink")
        forms.append(f"{address}/admin/inference/modelversion/import-predictions/")
        assert len(lists) >= 10
        rows = [link for address in lists for link in _opened(page, address)[:1]]
        assert len(rows) >= 8
        for address_of_form in (*forms, *rows):
            _opened(page, address_of_form)


def _links(page: Page, selector: str) -> list[str]:
    return page.locator(selector).evaluate_all("links => links.map(a => a.href)")


def _opened(page: Page, address: str) -> list[str]:
    """Open a page of the admin; the links of its rows, if it is a list."""
    answer = page.goto(address)
    assert answer.status == 200, address
    expect(page.locator("#site-name")).to_contain_text("Reader study")
    screenshot(page, "admin-" + address.split("/admin/")[1].strip("/").replace("/", "-"))
    return _links(page, "#result_list tbody th a")


def test_the_study_form_works_under_the_policy(browser, served):
    """A role is given by the autocomplete, in scripts that Django brings."""
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "root")
        page.goto("/admin/cohorts/study/")
        page.get_by_role("link", name="draft", exact=True).click()
        page.get_by_role("button", name="Add another Role").click()
        page.locator("#membership_set-1 .select2-selection").click()
        page.locator(".select2-search__field").fill("nina")
        screenshot(page, "admin-autocomplete")
        page.locator(".select2-results__option", has_text="nina").click()
        page.get_by_role("button", name="Save and continue editing").click()
        expect(page.locator(".messagelist li")).to_be_visible()
        screenshot(page, "admin-study-saved")
    assert site.rows(
        "SELECT u.username FROM cohorts_membership i JOIN accounts_user u ON u.id = i.user_id"
        " JOIN cohorts_study s ON s.id = i.study_id WHERE s.slug = 'draft' ORDER BY i.id"
    ) == [("ivan",), ("nina",)]
