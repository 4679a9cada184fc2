"""From an invitation to a password, a second factor and a recovery code, on a site that asks for
all of them; every page on the way is looked at in both languages as all others are."""

import pytest
from playwright.sync_api import Page, expect

from tests import servers
from tests.accounts.authenticator import code
from tests.e2e.browsing import fill, go, last_link, window
from tests.e2e.test_accessibility import LANGUAGES, Audit
from tests.services.build import PASSWORD
from tests.services.site import Site, Sketch

pytestmark = pytest.mark.e2e
OWN = "a password of her own"
NEXT = "main button.primary"
GUESTS = {"en": "eva@example.org", "zh-hans": "yu@example.org"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A site that asks staff and members for a second factor, and its address."""
    site = Site(tmp_path_factory.mktemp("guarded"), {"READERSTUDY_SECOND_FACTOR": "1"})
    site.build(Sketch("draft", cases=1, readers=(), investigators=(), steps=()))
    with servers.gunicorn(site.env) as address:
        yield site, address


def set_up(page: Page) -> str:
    """Set the second factor up on its page; the secret."""
    secret = page.locator("#secret").inner_text()
    page.wait_for_function("() => document.querySelector('.qr').naturalWidth > 50")
    fill(page, code=code(secret))
    go(page, NEXT)
    return secret


def test_from_invitation_to_recovery_code(browser, guarded):
    site, address = guarded
    with window(browser, address) as page:
        page.goto("/admin/")
        fill(page, username="root", password=PASSWORD)
        go(page, NEXT)
        expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
        page.goto("/admin/")  # there is no way round it
        expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
        set_up(page)
        expect(page.locator(".codes li")).to_have_count(10)
        go(page, "main a.primary")
        _invite(page)
    for language, guest in GUESTS.items():
        site.manage(
            "shell", "-v0", "-c",
            "from readerstudy.accounts.models import User;"
            f"User.objects.filter(username={guest!r}).update(is_staff=True)",
        )  # fmt: skip
        locale, _ = LANGUAGES[language]
        link = last_link(site, guest)
        with window(browser, address, locale=locale, refusals=[410]) as page:
            audit = Audit(page, language)
            codes = _arrive(page, audit, link)
            _come_back(page, audit, guest, codes)
            _at_home(page, audit)
            _leave_it_all(page, audit, site, guest, link)
        audit.clean()


def _invite(page: Page) -> None:
    """One from the page of users, one from that of a study."""
    page.goto("/admin/accounts/user/")
    page.get_by_role("link", name="Invite a person").click()
    page.get_by_label("E-mail address").fill(GUESTS["en"])
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Invitation sent to")
    page.goto("/admin/cohorts/study/")
    page.get_by_role("link", name="draft", exact=True).click()
    page.get_by_role("link", name="Invite people").click()
    page.locator("#readers textarea").fill("no-address,Yu,R1,3,junior")
    page.locator("#readers input[type=submit]").click()
    expect(page.locator("#problems")).to_contain_text("Line 1, email")
    page.locator("#readers textarea").fill(f"{GUESTS['zh-hans']},余,R1,3,junior")
    page.locator("#readers input[type=submit]").click()
    expect(page.locator("#people tbody tr")).to_have_count(1)
    page.get_by_role("button", name=f"Send again to {GUESTS['zh-hans']}").click()
    expect(page.locator(".messagelist")).to_contain_text("Invitation sent to")


def _arrive(page: Page, audit: Audit, link: str) -> list[str]:
    """From the mail's link to the recovery codes."""
    page.goto(link)
    audit.look("invitation")
    fill(page, password1="1234", password2="1234")
    go(page, NEXT)
    audit.look("invitation-refused")
    fill(page, password1=OWN, password2=OWN)
    go(page, NEXT)
    audit.look("second-factor-set-up")
    fill(page, code="000000")
    go(page, NEXT)
    audit.look("second-factor-set-up-refused")
    set_up(page)
    audit.look("recovery-codes")
    return page.locator(".codes code").all_inner_texts()


def _sign_in(page: Page, username: str, password: str) -> None:
    page.goto("/accounts/sign-in/")
    fill(page, username=username, password=password)
    go(page, NEXT)


def _come_back(page: Page, audit: Audit, guest: str, codes: list[str]) -> None:
    """Sign out, and in again with a recovery code, which is good for once."""
    for given, comes_in in ((codes[0], True), (codes[0], False), (codes[1], True)):
        if page.locator(".account").count():
            go(page, ".account button")
        if not page.url.endswith("/second-factor/"):
            _sign_in(page, guest, OWN)
            audit.look("second-factor")
        fill(page, code=given)
        go(page, NEXT)
        expect(page.locator(".account")).to_have_count(1 if comes_in else 0)
    audit.look("home")


def _at_home(page: Page, audit: Audit) -> None:
    go(page, ".account a[href='/accounts/mine/']")
    for name, path in (
        ("mine", "mine/"),
        ("password", "password/"),
        ("recovery-codes-new", "recovery-codes/new/"),
        ("second-factor-remove", "second-factor/remove/"),
        ("confirm", "confirm/"),
        ("confirm-by-code", "confirm/code/"),
    ):
        page.goto(f"/accounts/{path}")
        audit.look(name)
    page.goto("/accounts/password/")
    fill(page, oldpassword="wrong", password1=OWN, password2="another")
    go(page, NEXT)
    audit.look("password-refused")


def _leave_it_all(page: Page, audit: Audit, site: Site, guest: str, used: str) -> None:
    """Sign out, forget the password, and try the used link."""
    go(page, ".account button")
    page.goto("/accounts/password/forgotten/")
    audit.look("password-forgotten")
    fill(page, email=guest)
    go(page, NEXT)
    audit.look("password-sent")
    link = last_link(site, guest)
    page.goto(link)
    audit.look("password-new")
    fill(page, password1="yet another password", password2="yet another password")
    go(page, NEXT)
    audit.look("password-done")
    page.goto(link)
    audit.look("password-link-used")
    page.goto(used)
    audit.look("invitation-dead")
