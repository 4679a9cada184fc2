"""Signing in by name and password: what is refused, limited and audited; nobody signs up."""

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from readerstudy.accounts import throttle
from readerstudy.accounts.models import SharedCache
from readerstudy.audit.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/sign-in/"


@pytest.fixture(autouse=True)
def anna():
    return factories.make_user("anna", email="anna@example.org")


def attempt(client: Client, username: str, password: str, **more):
    return client.post(SIGN_IN, {"username": username, "password": password}, **more)


def last_event() -> tuple:
    event = AuditEvent.objects.first()
    return event.action, event.outcome, event.actor, event.target


def test_the_right_password_lets_in_and_is_audited(client):
    answer = attempt(client, "anna", factories.PASSWORD)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert last_event() == ("account.sign_in", "done", "anna", "")
    assert client.get("/").status_code == 200


def test_no_page_of_the_sign_in_can_be_put_into_a_frame(client):
    for path in (SIGN_IN, "/accounts/password/forgotten/", "/accounts/invitation/"):
        answer = client.get(path)
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_an_unknown_name_is_answered_as_a_wrong_password_is(client):
    known = attempt(client, "anna", "wrong").content.decode()
    unknown = attempt(Client(), "nobody", "wrong").content.decode()
    assert "Enter a correct username and password" in known
    shown = [text.split("<main>")[1].split("csrfmiddlewaretoken")[0] for text in (known, unknown)]
    assert shown[0] == shown[1]
    assert last_event() == ("account.sign_in", "refused", "", "nobody")


def test_after_some_failures_the_right_password_from_the_same_place_waits_too(client):
    for _ in range(throttle.FREE):
        attempt(client, "anna", "wrong")
    answer = attempt(Client(), "anna", factories.PASSWORD)
    assert "Too many failed attempts" in answer.content.decode()
    assert last_event() == ("account.rate_limited", "refused", "", SIGN_IN)
    # The name of another is not shut by it.
    factories.make_user("boris")
    assert attempt(Client(), "boris", factories.PASSWORD).status_code == 302


def test_attempts_are_counted_where_all_server_processes_see_them(client):
    attempt(client, "anna", "wrong")
    assert SharedCache.objects.filter(cache_key__contains="throttle:password").count() == 2


def test_behind_a_proxy_its_word_alone_counts(client, settings):
    forged = {"HTTP_X_FORWARDED_FOR": "1.2.3.4, 203.0.113.7", "REMOTE_ADDR": "10.0.0.1"}
    attempt(client, "anna", "wrong", **forged)
    assert AuditEvent.objects.first().address == "10.0.0.1"
    settings.BEHIND_PROXY = True
    attempt(client, "anna", "wrong", **forged)
    assert AuditEvent.objects.first().address == "203.0.113.7"
    attempt(client, "anna", "wrong", **forged | {"HTTP_X_FORWARDED_FOR": "no address"})
    assert AuditEvent.objects.first().address == "10.0.0.1"


def test_a_server_behind_a_local_socket_takes_sign_ins(client):
    assert attempt(client, "anna", factories.PASSWORD, REMOTE_ADDR="").status_code == 302


def test_going_on_leads_within_the_site_and_not_round_and_round(client):
    for asked, led in (("/read/x/", "/read/x/"), ("//evil.example/", "/"), (SIGN_IN, "/")):
        answer = Client().post(
            f"{SIGN_IN}?next={asked}", {"username": "anna", "password": factories.PASSWORD}
        )
        assert answer["Location"] == led
    attempt(client, "anna", factories.PASSWORD)
    assert client.get(f"{SIGN_IN}?next={SIGN_IN}")["Location"] == "/"


@pytest.mark.parametrize(
    "name",
    ["account_signup", "account_email", "account_confirm_email", "account_logout",
     "account_request_login_code", "mfa_trust", "socialaccount_login", "socialaccount_signup"],
)  # fmt: skip
def test_nothing_of_allauth_is_there_but_what_the_site_has_a_page_for(name):
    with pytest.raises(NoReverseMatch):
        reverse(name)


@pytest.mark.parametrize("path", ["/accounts/signup/", "/accounts/login/", "/accounts/email/"])
def test_nobody_signs_up(path, client):
    assert client.get(path).status_code == 404


def test_the_admins_own_sign_in_is_no_other_door(client):
    factories.make_user("root", is_staff=True, is_superuser=True)
    form = {"username": "root", "password": factories.PASSWORD}
    answer = client.post("/admin/login/?next=/admin/", form)
    assert answer["Location"] == "/accounts/sign-in/?next=/admin/"
    assert "_auth_user_id" not in client.session
    assert client.get("/admin/")["Location"] == "/accounts/sign-in/?next=/admin/"
