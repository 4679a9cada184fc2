"""Every page that a reader, an investigator or a stranger can reach, in each of its languages:
no violation that axe-core knows, nothing to scroll sideways, focus seen, targets large enough."""

import json

import pytest
from playwright.sync_api import Page, expect

from readerstudy.demo.apps import PUBLISHED
from tests.e2e import accessible
from tests.e2e.browsing import code, go, images_painted, screenshot, window
from tests.rules.matrix import routes
from tests.servers import wait_until
from tests.services.build import PASSWORD
from tests.services.site import Client, truth_by_age

pytestmark = pytest.mark.e2e

# By their routes: the pages that are looked at below, and the addresses that answer no page.
LOOKED_AT = {
    "",
    "accounts/sign-in/",
    "read/<slug:slug>/",
    "read/<slug:slug>/<slug:code>/",
    "read/<slug:slug>/before/consent/",
    "read/<slug:slug>/before/profile/",
    "read/<slug:slug>/before/display/",
    "read/<slug:slug>/before/practice/<int:number>/",
    "audit/",
    "audit/<slug:slug>/",
    "results/<slug:slug>/",
    "results/<slug:slug>/runs/<int:number>/",
    "results/<slug:slug>/runs/<int:number>/paper/",
}
# In tests/e2e/test_accounts.py, on a site that asks for a second factor.
LOOKED_AT_THERE = {
    "accounts/second-factor/",
    "accounts/second-factor/set-up/",
    "accounts/second-factor/remove/",
    "accounts/recovery-codes/",
    "accounts/recovery-codes/new/",
    "accounts/mine/",
    "accounts/confirm/",
    "accounts/confirm/code/",
    "accounts/password/",
    "accounts/password/forgotten/",
    "accounts/password/forgotten/sent/",
    r"accounts/^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[-\w]+)/$",
    "accounts/password/new/done/",
    "accounts/invitation/",
}
LEADS_ON = {  # or takes a form, and leads on, or is a part of a page
    "accounts/sign-out/",
    "accounts/invitation/<str:token>/",
    "admin/login/",
    "admin/password_change/",
    "favicon.ico",
    "language/",
    "read/<slug:slug>/before/practice/",
    "results/<slug:slug>/plan/",
    "results/<slug:slug>/remind/",
    "results/<slug:slug>/runs/",
    "results/<slug:slug>/runs/<int:number>/files/",
}
FILES = (
    "api/",
    "healthz",
    ".png",
    ".svg",
    "readyz",
    ".json",
    ".csv",
    ".xlsx",
    ".pdf",
    "format>",
    "_file:name>",
)
LANGUAGES = {"en": ("en-GB", "rita"), "zh-hans": ("zh-CN", "rosa")}
CASES = 4


def test_there_is_no_page_besides():
    """A page that is added to the site is looked at here too, or is no page."""
    addresses = {route for route, _, spaces in routes() if "admin" not in spaces}
    pages = {route for route in addresses if not any(mark in route for mark in FILES)}
    assert pages == LOOKED_AT | LOOKED_AT_THERE | LEADS_ON


def test_the_language_is_changed_without_scripts_and_the_page_stays(browser, served):
    _, address = served
    with window(browser, address, java_script_enabled=False) as page:
        page.goto("/accounts/sign-in/?next=/read/met/")
        page.get_by_role("button", name="简体中文").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
        expect(page).to_have_url(f"{address}/accounts/sign-in/?next=/read/met/")
        expect(page.get_by_role("button", name="简体中文")).to_have_attribute(
            "aria-current", "true"
        )
        page.get_by_role("button", name="English").click()
        expect(page.get_by_label("Username")).to_be_visible()


class Audit:
    """Looks at pages, and keeps what it finds by the page's name."""

    def __init__(self, page: Page, language: str):
        self.page = page
        self.language = language
        self.found: dict[str, list[str]] = {}
        self.names: list[str] = []

    def look(self, name: str, *, at_sizes: bool = True) -> None:
        """``at_sizes``: also in other windows, which dialogs and opened menus do without."""
        expect(self.page.locator("html")).to_have_attribute("lang", self.language)
        screenshot(self.page, f"{self.language}-{name}")
        found = accessible.violations(self.page) + accessible.small_targets(self.page)
        if at_sizes:
            found += accessible.sideways(self.page) + accessible.large_text(self.page)
            found += accessible.unseen_focus(self.page)
        self.names.append(name)
        if found:
            self.found[name] = found

    def clean(self) -> None:
        told = [f"{name}: {text}" for name, texts in self.found.items() for text in texts]
        assert not told, "\n" + "\n".join(told)


def sign_in(page: Page, username: str) -> None:
    """By the form, in any language."""
    page.goto("/accounts/sign-in/")
    page.locator("[name=username]").fill(username)
    page.locator("[name=password]").fill(PASSWORD)
    go(page, "main button.primary")
    expect(page.locator(".account")).to_be_visible()


@pytest.fixture(params=LANGUAGES)
def language(request) -> str:
    return request.param


def test_strangers_pages(browser, served, language):
    _, address = served
    locale, _ = LANGUAGES[language]
    with window(browser, address, refusals=[404, 403], locale=locale) as page:
        audit = Audit(page, language)
        page.goto("/")
        audit.look("sign-in")
        page.locator("[name=username]").fill("nobody")
        page.locator("[name=password]").fill("nothing")
        go(page, "main button.primary")
        expect(page.get_by_role("alert")).to_be_visible()
        audit.look("sign-in-refused")
        page.goto("/no/such/page")
        audit.look("not-found")
        page.goto("/accounts/sign-in/")
        page.locator("[name=username]").fill("nobody")
        page.locator("[name=password]").fill("nothing")
        page.locator("[name=csrfmiddlewaretoken]").last.evaluate("field => field.value = 'x'")
        go(page, "main button.primary")
        audit.look("form-refused")
    audit.clean()


def test_the_pages_before_the_first_case(browser, served, language):
    _, address = served
    locale, username = LANGUAGES[language]
    with window(browser, address, refusals=[400, 400, 400, 400], locale=locale) as page:
        audit = Audit(page, language)
        sign_in(page, username)
        audit.look("my-studies")
        page.goto("/read/met/")
        audit.look("consent")
        page.locator("[name=consent]").evaluate("box => { box.required = false; }")
        go(page, "main button.primary")
        audit.look("consent-refused")
        page.locator("[name=consent]").check()
        go(page, "main button.primary")
        audit.look("profile")
        go(page, "main button.primary")
        audit.look("profile-refused")
        for field in ("years_of_ultrasound", "years_of_neck_ultrasound", "neck_scans_a_week"):
            page.locator(f"[name={field}]").fill("5")
        page.locator("[name=ai_use][value=tried]").check()
        go(page, "main button.primary")
        audit.look("display")
        go(page, "main button.primary")
        audit.look("display-refused")
        for steps in ("5", "18"):
            for square in ("dark", "bright"):
                page.locator(f"[name={square}][value=yes]").check()
            page.locator("[name=steps]").fill(steps)
            go(page, "main button.primary")
            if steps == "5":
                audit.look("display-failed")
        images_painted(page)
        audit.look("practice")
        go(page, "main form button.primary")
        audit.look("practice-refused")
        choose(page)
        go(page, "main form button.primary")
        images_painted(page)
        audit.look("practice-answer")
    audit.clean()


def choose(page: Page) -> None:
    page.locator("[name=malignancy][value=benign]").check()
    page.locator("[name=etiology][value=reactive_hyperplasia]").check()


def rate(page: Page) -> None:
    """Whatever the protocol asks besides."""
    for name in ("confidence", "trust", "usefulness"):
        if page.locator(f"[name={name}][value='3']").count():
            page.locator(f"[name={name}][value='3']").check()
        elif page.locator(f"[name={name}]").count():
            page.locator(f"[name={name}]").fill("60")


def read(page: Page) -> None:
    """Submit, and wait until this case is off the screen."""
    here = code(page)
    page.locator("button[data-action=submit]").click()
    expect(page.locator(f"#diagnosis[action*='{here}']")).to_have_count(0)


_TOO = pytest.mark.rest("in make test one study is read in both languages, the others in English")


@pytest.mark.parametrize(
    ("language", "slug"),
    [
        ("en", "met-rated"),
        ("zh-hans", "met-rated"),
        ("en", "met-percent"),
        pytest.param("zh-hans", "met-percent", marks=_TOO),
        ("en", "met-plain"),
        pytest.param("zh-hans", "met-plain", marks=_TOO),
    ],
)
def test_a_case_in_both_stages(browser, served, language, slug):
    _, address = served
    locale, username = LANGUAGES[language]
    with window(browser, address, locale=locale) as page:
        audit = Audit(page, language)
        sign_in(page, username)
        page.goto(f"/read/{slug}/")
        for stage in (1, 2):
            images_painted(page)
            page.locator("button[data-action=submit]:enabled").wait_for()
            audit.look(f"{slug}-stage-{stage}")
            _opened(audit, f"{slug}-stage-{stage}")
            choose(page)
            rate(page)
            audit.look(f"{slug}-stage-{stage}-chosen", at_sizes=False)
            read(page)
        expect(page.locator("#diagnosis")).to_have_count(0)
        audit.look(f"{slug}-end")
    audit.clean()


def _opened(audit: Audit, name: str) -> None:
    """What a page holds closed."""
    page = audit.page
    page.locator("details.quality summary").click()
    page.locator("details.more summary").click()
    audit.look(f"{name}-opened", at_sizes=False)
    page.locator("details.more summary").click()
    page.locator("[data-action=keyboard]").click()
    expect(page.locator("dialog.keys")).to_be_visible()
    audit.look(f"{name}-keys", at_sizes=False)
    page.keyboard.press("Escape")


def test_pages_without_a_case(browser, served, language):
    _, address = served
    locale, username = LANGUAGES[language]
    with window(browser, address, refusals=[403, 404, 409], locale=locale) as page:
        audit = Audit(page, language)
        sign_in(page, username)
        page.goto("/read/met-weeks/")
        images_painted(page)
        choose(page)
        page.locator("button[data-action=submit]:enabled").wait_for()
        taken = page.locator("#diagnosis").get_attribute("action")
        read(page)
        audit.look("washout")
        for slug in ("met-draft", "met-ended"):
            page.goto(f"/read/{slug}/")
            audit.look(slug)
        page.goto("/")
        audit.look("my-studies-later")
        page.goto("/admin/")
        audit.look("not-allowed")
        page.goto("/results/met/")
        audit.look("not-found-results")
        # Sent a second time, as from another tab that was left open.
        page.goto("/")
        page.evaluate(
            "address => { const form = document.querySelector('form.account').cloneNode(true);"
            " form.action = address; document.body.append(form); form.submit(); }",
            taken,
        )
        page.wait_for_url(f"**{taken}")
        audit.look("refused")
    audit.clean()


@pytest.fixture(scope="module")
def analysed(served):
    """A study whose readers have read all, with a run of all sections and what its page shows."""
    site, address = served
    truth = truth_by_age(CASES)
    for username in ("nora", "nils"):
        Client(address, username).read("met-analysed", lambda _stage, age: truth[age])
    for step in ("lock", "unblind"):
        site.manage("study", "met-analysed", step)
    plan = json.dumps({"intervals": {"resamples": 50}})
    Client(address, "nina").start_run("met-analysed", document=plan)
    wait_until(
        # which is made after all that the page shows, and before what can only be taken away
        lambda: site.file_is_made("met-analysed", 1, "charts/roc-1.json"),
        what="the run's page and pictures", patience=300,
    )  # fmt: skip
    return address


def _look_at(audit: Audit, page: Page, **addresses: str) -> None:
    """Each as it comes, and with all that can be unfolded."""
    for name, address in addresses.items():
        page.goto(address)
        audit.look(name)
        if page.locator("main details").count():
            page.locator("main details").evaluate_all(
                "all => { for (const each of all) each.open = true; }"
            )
            audit.look(f"{name}-opened")


def test_investigators_pages(browser, analysed):
    with window(browser, analysed, refusals=[404], locale="zh-CN") as page:
        audit = Audit(page, "en")
        sign_in(page, "nina")
        audit.language = "zh-hans"
        audit.look("investigator-home")
        audit.language = "en"
        _look_at(
            audit, page, sealed="/results/met/", results="/results/met-analysed/",
            run="/results/met-analysed/runs/1/",
        )  # fmt: skip
        audit.language = "zh-hans"
        page.goto("/results/met-analysed/runs/9/")
        audit.look("run-not-found")
    audit.clean()


@pytest.mark.rest(
    "the published study is built and analysed, and a run's page is seen in make test"
)
def test_the_published_studys_pages(browser, served):
    site, address = served
    site.manage("load_published_study", "--investigator", "nina")
    with window(browser, address) as page:
        audit = Audit(page, "en")
        sign_in(page, "nina")
        run = f"/results/{PUBLISHED}/runs/1/"
        _look_at(audit, page, published=run, beside_the_paper=f"{run}paper/")
    audit.clean()


def test_auditors_pages(browser, served):
    _, address = served
    with window(browser, address, refusals=[400], locale="zh-CN") as page:
        audit = Audit(page, "en")
        sign_in(page, "root")
        for name, place in (
            ("audit", "/audit/"),
            ("audit-of-a-study", "/audit/met/?action=study."),
            ("audit-refused", "/audit/?before=x"),
        ):
            page.goto(place)
            audit.look(name)
        page.goto("/audit/met/")
        page.locator("main details").evaluate_all(
            "all => { for (const each of all) each.open = true; }"
        )
        audit.look("audit-opened")
        go(page, "#chain button")
        sound = page.get_by_text("No tampering was found in what was checked.")
        expect(sound.first).to_be_visible()
        audit.look("audit-verified")
    audit.clean()
