"""Links in mails and redirects: neither leads where a request alone says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import mail
from django.http import HttpResponseRedirect
from django.test import Client, RequestFactory

from readerstudy.accounts.middleware import RedirectsWithinSite
from tests import factories
from tests.accounts.authenticator import code, recovery_codes, set_up
from tests.servers import ROOT, site_environment

FORGOTTEN, SIGN_IN = "/accounts/password/forgotten/", "/accounts/sign-in/"


@pytest.fixture
def anna(db):
    return factories.make_user("anna", email="anna@example.org")


@pytest.fixture
def root(db):
    user = factories.make_user("root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


def asks_for_password(**headers) -> None:
    Client().post(FORGOTTEN, {"email": "anna@example.org"}, **headers)


def link() -> str:
    [found] = set(re.findall(r"https?://\S+", mail.outbox[-1].body))
    return found


def invites(root: Client, **headers) -> None:
    form = {"email": "eva@example.org", "name": "Eva"}
    assert root.post("/admin/accounts/user/invite/", form, **headers).status_code == 302


FOREIGN_PORT = {"HTTP_HOST": "testserver:666"}


def test_a_foreign_port_goes_into_no_mail(anna, root):
    asks_for_password(**FOREIGN_PORT)
    assert link().startswith("http://testserver/accounts/password/new/")
    invites(root, **FOREIGN_PORT)
    assert link().startswith("http://testserver/accounts/invitation/")


def test_links_begin_with_the_address_that_is_set(anna, root, settings):
    settings.SITE_URL = "https://study.example.org:8443"
    asks_for_password(**FOREIGN_PORT)
    assert link().startswith("https://study.example.org:8443/accounts/password/new/")
    invites(root, **FOREIGN_PORT)
    assert link().startswith("https://study.example.org:8443/accounts/invitation/")


def test_a_host_that_is_allowed_by_a_pattern_alone_goes_into_no_mail(anna, settings):
    settings.ALLOWED_HOSTS = [".example.org", "study.example.org"]
    asks_for_password(HTTP_HOST="evil.example.org")
    assert link().startswith("http://study.example.org/")


def test_the_port_is_that_of_the_servers_socket(anna, settings):
    asks_for_password(SERVER_PORT="8000", HTTP_HOST="testserver:666")
    assert link().startswith("http://testserver:8000/")
    settings.BEHIND_PROXY = True
    asks_for_password(SERVER_PORT="8000", HTTP_HOST="testserver:666")
    assert link().startswith("http://testserver/")


def test_a_host_that_is_not_allowed_gets_no_mail_sent(anna):
    asks_for_password(HTTP_HOST="evil.example")
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"READERSTUDY_SITE_URL": "https://study.example.org/"}, "https://study.example.org"),
        ({"READERSTUDY_SITE_URL": "study.example.org"}, "give scheme and host"),
        ({"READERSTUDY_SITE_URL": "https://study.example.org/x"}, "give scheme and host"),
        ({"ALLOWED_HOSTS": "*"}, "Set READERSTUDY_SITE_URL"),
        ({"ALLOWED_HOSTS": "*", "READERSTUDY_SITE_URL": "http://a.b"}, "http://a.b"),
    ],
)
def test_the_setting_is_checked_at_the_start(variables, told, tmp_path):
    env = site_environment(tmp_path, **variables)
    command = [sys.executable, "-c", "from readerstudy import settings as s; print(s.SITE_URL)"]
    ran = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    assert told in (ran.stdout + ran.stderr).splitlines()[-1]


def test_one_module_alone_builds_whole_addresses():
    builders = {"build_absolute_uri", "get_host", "get_current_site", "get_raw_uri"}
    used = {
        str(path.relative_to(ROOT))
        for package in ("readerstudy", "analysis", "inference")
        for path in Path(ROOT, package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in builders)
        or (isinstance(node, ast.Name) and node.id in builders)
    }
    assert used == {"readerstudy/accounts/site_urls.py"}


# Redirects.

ELSEWHERE = [
    "https://evil.example/", "//evil.example/", "///evil.example/", "/\\evil.example/",
    "\\\\evil.example/", "javascript:alert(1)", "http:evil.example", "http:///evil.example/",
    "/\t/evil.example/", "\x08//evil.example/", "http://testserver@evil.example/",
    "http://testserver//evil.example/", "http://localhost/", "http://testserver:666/",
    "ftp://testserver/", "https://127.0.0.1/read/",
]  # fmt: skip


def leads_here(answer) -> bool:
    """As a browser reads it: one slash, and what follows is no second and no backslash."""
    return re.fullmatch(r"/(?![/\\])[^\s\\]*", answer["Location"]) is not None


@pytest.mark.parametrize("asked", ELSEWHERE)
def test_no_view_leads_off_the_site(asked, anna, settings, monkeypatch):
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
    monkeypatch.setattr("django.db.transaction.on_commit", lambda run, **_options: run())
    client = Client()
    follow = {"next": asked}
    form = {"username": "anna", "password": factories.PASSWORD} | follow
    assert leads_here(client.post(SIGN_IN, form))
    assert leads_here(client.get(SIGN_IN, follow))
    secret = set_up(client)
    [kept, *_] = recovery_codes(client)
    session = client.session
    session["began_at"] -= 600
    session.save()
    confirm = {"password": factories.PASSWORD} | follow
    assert leads_here(client.post("/accounts/confirm/", confirm))
    given = {"code": code(secret, periods_ahead=1)} | follow
    assert leads_here(client.post("/accounts/confirm/code/", given))
    assert leads_here(client.post("/language/", {"language": "en"} | follow))
    assert leads_here(client.post("/language/", {"language": "en"}, headers={"referer": asked}))
    new = "a password of her own"
    change = {"oldpassword": factories.PASSWORD, "password1": new, "password2": new} | follow
    assert leads_here(client.post("/accounts/password/", change))
    assert leads_here(client.post("/accounts/sign-out/", follow))
    assert leads_here(client.post(SIGN_IN, form | {"password": new}))
    second = {"code": kept} | follow
    assert leads_here(client.post("/accounts/second-factor/", second))
    asked_for = {"email": "anna@example.org"} | follow
    assert leads_here(client.post(FORGOTTEN, asked_for))
    assert leads_here(client.get("/admin/login/", follow))


@pytest.mark.parametrize("asked", ELSEWHERE)
def test_whatever_a_view_answers_the_redirect_stays_on_the_site(asked):
    request = RequestFactory().get("/")

    def view(_request):
        answer = HttpResponseRedirect("/")
        answer.headers["Location"] = asked
        return answer

    assert leads_here(RedirectsWithinSite(view)(request))


@pytest.mark.parametrize("asked", ["/read/x/", "/read/x/?a=1&b=//c", "/?next=https://evil.example"])
def test_a_path_of_the_site_is_followed(asked, anna):
    form = {"username": "anna", "password": factories.PASSWORD, "next": asked}
    assert Client().post(SIGN_IN, form)["Location"] == asked
    back = Client().post(
        "/language/", {"language": "en"}, headers={"referer": "http://testserver/x/"}
    )
    assert back["Location"] == "/x/"
