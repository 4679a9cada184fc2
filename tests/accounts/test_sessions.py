"""A session ends with time, and sooner if nobody uses it; noting so costs hardly a query."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.core import mail, signing
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from readerstudy.accounts import invitations, sessions
from readerstudy.audit.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """The time of day, as sessions know it; it stands still but for ``clock.now += ...``."""

    class Clock:
        now = 1_800_000_000

        def time(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(sessions, "time", clock)
    return clock


@pytest.fixture
def anna(clock) -> Client:
    factories.make_open(cases=1)
    client = Client()
    client.post("/accounts/sign-in/", {"username": "anna", "password": factories.PASSWORD})
    return client


def test_a_session_that_nobody_uses_ends(anna, clock, settings):
    clock.now += settings.SESSION_IDLE_SECONDS - 1
    assert anna.get("/").status_code == 200
    clock.now += settings.SESSION_IDLE_SECONDS
    assert anna.get("/read/study/")["Location"] == "/accounts/sign-in/?next=/read/study/"
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.detail) == (
        "account.session_ended",
        "anna",
        {"because": "idle"},
    )


def test_the_api_then_asks_for_a_sign_in_so_that_the_outbox_keeps_what_waits(anna, clock, settings):
    clock.now += settings.SESSION_IDLE_SECONDS
    answer = anna.post("/api/v1/study/readings/", {}, "application/json")
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Sign in first."}


def test_a_session_that_is_used_goes_on_until_its_last_hour(anna, clock, settings):
    began = clock.now
    while clock.now + 3600 < began + settings.SESSION_COOKIE_AGE:
        clock.now += 3600
        assert anna.get("/").status_code == 200
    clock.now = began + settings.SESSION_COOKIE_AGE
    assert anna.get("/").status_code == 302
    assert AuditEvent.objects.first().detail == {"because": "age"}


def statements(client: Client) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/read/study/").status_code == 200
    return [query["sql"] for query in queries]


def test_that_it_is_used_is_written_once_in_some_minutes(anna, clock):
    anna.get("/read/study/")  # the first sight of a case is written
    clock.now += sessions.SECONDS_BETWEEN_NOTES
    writing = statements(anna)
    assert [sql for sql in writing if sql.startswith("UPDATE") and "django_session" in sql]
    for _ in range(3):
        clock.now += 60
        sqls = statements(anna)
        assert not [sql for sql in sqls if not sql.lstrip().startswith(("SELECT", "WITH"))], sqls
        assert len([sql for sql in sqls if "django_session" in sql]) == 1


def test_a_session_from_before_there_were_times_goes_on_and_is_timed(anna, clock, settings):
    session = anna.session
    del session["began_at"], session["seen_at"]
    session.save()
    assert anna.get("/").status_code == 200
    clock.now += settings.SESSION_IDLE_SECONDS
    assert anna.get("/").status_code == 302


# Whoever is not signed in has no row.


def test_an_outsider_makes_no_session_whatever_they_send(anna_with_mail):
    before = Session.objects.count()
    token = signing.dumps([1, "2026-01-01T00:00:00+00:00"], salt="another")
    paths = [
        "/", "/accounts/sign-in/", "/accounts/sign-out/", "/accounts/invitation/",
        "/accounts/invitation/ANYTHING/", f"/accounts/invitation/{token}/",
        "/accounts/second-factor/", "/accounts/second-factor/set-up/code.svg",
        "/accounts/password/forgotten/", "/accounts/password/forgotten/sent/",
        "/accounts/password/new/1-abc-def/", "/accounts/password/new/1-set-password/",
        "/accounts/password/new/done/", "/accounts/mine/", "/accounts/confirm/", "/language/",
        "/admin/", "/admin/login/", "/api/v1/study/case/", "/nothing/",
    ]  # fmt: skip
    form = {"username": "anna", "password": "wrong", "email": "anna@example.org", "language": "en",
            "password1": "a password of her own", "password2": "a password of her own",
            "code": "000000"}  # fmt: skip
    for path in paths:
        for answer in (Client().get(path, follow=True), Client().post(path, form, follow=True)):
            assert "sessionid" not in answer.cookies, path
    assert Session.objects.count() == before


def test_a_link_for_a_new_password_makes_one_and_a_false_one_none(anna_with_mail):
    Client().post("/accounts/password/forgotten/", {"email": "anna@example.org"})
    [link] = re.findall(r"http://testserver(/\S*)", mail.outbox[-1].body)
    for false in (link[:-2] + "x/", link.replace("/new/", "/new/1")):
        Client().get(false, follow=True)
    assert not Session.objects.exists()


def test_an_invitation_is_kept_in_a_cookie_of_its_page_alone(settings):
    settings.SESSION_COOKIE_SECURE = True
    user = invitations.find_or_make("eva@example.org")
    user.invited_at = timezone.now()
    user.save()
    client = Client()
    client.get(f"/accounts/invitation/{invitations.token_of(user)}/")
    cookie = client.cookies["invitation"]
    assert (cookie["path"], cookie["samesite"]) == ("/accounts/invitation/", "Lax")
    assert cookie["httponly"]
    assert cookie["secure"]
    assert not Session.objects.exists()
    new = {"password1": "a password of her own", "password2": "a password of her own"}
    assert client.post("/accounts/invitation/", new).status_code == 302
    assert client.cookies["invitation"].value == ""


def test_a_sign_in_removes_the_sessions_that_are_over_once_an_hour(anna_with_mail):
    def over() -> None:
        client = Client()
        client.force_login(anna_with_mail)
        Session.objects.filter(pk=client.session.session_key).update(expire_date=timezone.now())

    form = {"username": "anna", "password": factories.PASSWORD}
    cache.delete("sessions:cleared")
    over()
    cache.delete("sessions:cleared")
    Client().post("/accounts/sign-in/", form)
    assert not Session.objects.filter(expire_date__lte=timezone.now()).exists()
    over()
    Client().post("/accounts/sign-in/", form)
    assert Session.objects.filter(expire_date__lte=timezone.now()).count() == 1
    cache.delete("sessions:cleared")
    Client().post("/accounts/sign-in/", form)
    assert not Session.objects.filter(expire_date__lte=timezone.now()).exists()


def test_a_sign_in_begins_a_session_under_another_key(anna_with_mail):
    client = Client()
    session = client.session  # whatever somebody planted
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = session.session_key
    client.post("/accounts/sign-in/", {"username": "anna", "password": factories.PASSWORD})
    assert client.session.session_key != session.session_key
    assert not Session.objects.filter(pk=session.session_key).exists()


@pytest.fixture
def anna_with_mail():
    return factories.make_user("anna", email="anna@example.org")
