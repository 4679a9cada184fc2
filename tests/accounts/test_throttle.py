"""Guessing is slow, and whoever guesses makes nobody wait but themselves."""

import re
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.test import Client

from readerstudy.accounts import json_cache, known_browsers, throttle
from readerstudy.audit.models import AuditEvent
from tests import factories
from tests.accounts.authenticator import code, set_up

pytestmark = pytest.mark.django_db
SIGN_IN, FORGOTTEN = "/accounts/sign-in/", "/accounts/password/forgotten/"
NEW = "a password of her own"
HOSPITAL, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture(autouse=True)
def anna():
    return factories.make_user("anna", email="anna@example.org")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The time of day, as the throttle and the cache know it: a midnight, and what goes by.

    It stands still unless a test moves it: no minute ends while a test counts in it.
    """

    class Clock:
        seconds = 20_000 * throttle.DAY

        def time(self) -> float:
            return self.seconds

        def now(self) -> datetime:
            return datetime.fromtimestamp(self.seconds, UTC)

    clock = Clock()
    monkeypatch.setattr(throttle, "time", clock)
    monkeypatch.setattr(json_cache, "timezone", clock)
    return clock


def attempt(client: Client, password: str = factories.PASSWORD, *, who="anna", at=HOSPITAL):
    """What came of a sign-in: "in", "wrong" or "waits"."""
    form = {"username": who, "password": password}
    answer = client.post(SIGN_IN, form, REMOTE_ADDR=at)
    if answer.status_code == 302:
        return "in"
    return "waits" if "Too many failed attempts" in answer.content.decode() else "wrong"


def guess(number: int, *, who="anna", at=ELSEWHERE) -> list[str]:
    return [attempt(Client(), "wrong", who=who, at=at) for _ in range(number)]


def test_an_outsider_who_guesses_keeps_nobody_out():
    assert guess(20)[-1] == "waits"
    assert attempt(Client()) == "in"


def test_in_one_hospital_whoever_signed_in_before_is_not_kept_out_by_others():
    hers = Client()
    assert attempt(hers) == "in"
    hers.post("/accounts/sign-out/")
    assert guess(20, at=HOSPITAL)[-1] == "waits"
    assert attempt(Client()) == "waits"
    assert attempt(hers, "mistyped") == "wrong"
    assert attempt(hers) == "in"


def test_in_one_hospital_the_failures_of_one_shut_out_no_other():
    for number in range(8):
        guess(5, who=f"name-{number}", at=HOSPITAL)
    factories.make_user("boris")
    assert attempt(Client(), who="boris") == "in"


def test_a_flood_from_one_address_stops_there_but_not_for_known_browsers():
    hers = Client()
    assert attempt(hers) == "in"
    hers.post("/accounts/sign-out/")
    for number in range(throttle.STRANGERS_A_MINUTE):
        guess(1, who=f"name-{number}", at=HOSPITAL)
    assert guess(1, who="another", at=HOSPITAL) == ["waits"]
    assert attempt(hers) == "in"
    assert attempt(Client(), at=ELSEWHERE) == "in"
    refused = AuditEvent.objects.filter(action="account.rate_limited")
    guess(5, who="another", at=HOSPITAL)
    assert refused.count() == 1  # one a minute and address


def test_the_wait_doubles_up_to_an_hour_and_ends(clock):
    guess(throttle.FREE)
    for wait in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        clock.seconds += wait - 1
        assert guess(1) == ["waits"]
        clock.seconds += 1
        assert guess(1) == ["wrong"]
    assert attempt(Client(), at=ELSEWHERE) == "waits"
    clock.seconds += throttle.LONGEST_WAIT
    assert attempt(Client(), at=ELSEWHERE) == "in"


def looked_at_in_a_day(clock, address: str) -> int:
    end, looked_at = clock.seconds + throttle.DAY, 0
    while clock.seconds < end:
        while attempt(Client(), "wrong", at=address) == "wrong":
            looked_at += 1
        clock.seconds += 1200
    return looked_at


def test_how_many_guesses_at_one_account_one_address_has_in_a_day(clock):
    assert looked_at_in_a_day(clock, ELSEWHERE) <= 36  # as docs/admin.md says


def test_how_many_guesses_all_strangers_have_and_who_gets_in_all_the_same(monkeypatch, anna):
    monkeypatch.setattr(throttle, "STRANGERS_A_DAY", 12)
    hers = Client()
    attempt(hers)
    looked_at = sum(result == "wrong" for n in range(9) for result in guess(2, at=f"203.0.113.{n}"))
    assert looked_at == 12
    assert attempt(Client(), at="203.0.113.99") == "waits"  # whoever it is
    hers.post("/accounts/sign-out/")
    assert attempt(hers, at="203.0.113.99") == "in"  # the browser is known
    assert attempt(Client()) == "in"  # the address is
    new = Client(REMOTE_ADDR="203.0.113.98")
    new.post(FORGOTTEN, {"email": "anna@example.org"})
    [link] = re.findall(r"http://testserver(/\S*)", mail.outbox[-1].body)
    new.post(new.get(link)["Location"], {"password1": NEW, "password2": NEW})
    assert attempt(new, NEW, at="203.0.113.98") == "in"  # a mail makes it known


def test_names_that_nobody_has_are_answered_alike():
    assert guess(8) == guess(8, who="nobody")
    assert guess(3, who="ANNA") == guess(3, who="NOBODY") == ["waits"] * 3


def test_of_ipv6_one_network_counts_as_one_address():
    for number in range(throttle.FREE):
        guess(1, at=f"2001:db8:1:2::{number:x}")
    assert guess(1, at="2001:db8:1:2:ffff::") == ["waits"]
    assert guess(1, at="2001:db8:1:3::1") == ["wrong"]
    for number in range(throttle.FREE):
        assert guess(1, at=f"::ffff:198.51.100.{number}") == ["wrong"]
    assert guess(1, at="::ffff:198.51.100.99") == ["wrong"]


# The cookie by which a browser is known.


def test_its_cookie_is_for_the_site_alone_and_no_script_reads_it(settings):
    settings.SESSION_COOKIE_SECURE = True
    client = Client()
    attempt(client)
    cookie = client.cookies[known_browsers.COOKIE]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Strict"
    assert int(cookie["max-age"]) == known_browsers.AGE


@pytest.fixture
def shut():
    """A browser in which Anna signed in, while strangers at its address have to wait."""
    hers = Client()
    attempt(hers)
    guess(throttle.FREE + 1, at=HOSPITAL)
    assert attempt(Client()) == "waits"
    return hers


def test_it_lets_nobody_in_and_is_bound_to_its_person(shut):
    cookie = shut.cookies[known_browsers.COOKIE].value
    bare = Client()
    bare.cookies[known_browsers.COOKIE] = cookie
    assert bare.get("/").status_code == 302
    assert attempt(bare, "wrong") == "wrong"
    factories.make_user("boris")
    guess(throttle.FREE + 1, who="boris", at=HOSPITAL)
    assert attempt(bare, who="boris") == "waits"


@pytest.mark.parametrize("change", [lambda c: c + "x", lambda c: c[1:], lambda c: "e30:1:x"])
def test_one_that_is_forged_is_no_cookie(shut, change):
    forged = Client()
    forged.cookies[known_browsers.COOKIE] = change(shut.cookies[known_browsers.COOKIE].value)
    assert attempt(forged) == "waits"


def test_a_changed_password_revokes_it_but_where_it_was_changed(shut):
    old = Client()
    old.cookies[known_browsers.COOKIE] = shut.cookies[known_browsers.COOKIE].value
    form = {"oldpassword": factories.PASSWORD, "password1": NEW, "password2": NEW}
    assert shut.post("/accounts/password/", form).status_code == 302
    shut.post("/accounts/sign-out/")
    assert attempt(old, NEW) == "waits"
    assert attempt(shut, NEW) == "in"


def test_people_who_share_a_browser_are_all_known_in_it(shut):
    for number in range(known_browsers.PEOPLE - 1):
        shut.post("/accounts/sign-out/")
        factories.make_user(f"reader-{number}")
        attempt(shut, who=f"reader-{number}")
    assert len(shut.cookies[known_browsers.COOKIE].value) < 2500
    shut.post("/accounts/sign-out/")
    assert attempt(shut) == "in"


def test_who_guesses_with_a_stolen_one_waits_like_anybody(shut):
    thief = Client()
    thief.cookies[known_browsers.COOKIE] = shut.cookies[known_browsers.COOKIE].value
    assert [attempt(thief, "wrong") for _ in range(6)] == ["wrong"] * throttle.FREE + ["waits"]
    again = Client()  # its person signs in elsewhere, and has another from then on
    assert attempt(again, at=ELSEWHERE) == "in"


# Second factor, confirmations, mails.


@pytest.fixture
def committed(monkeypatch):
    monkeypatch.setattr("django.db.transaction.on_commit", lambda run, **_options: run())


def test_who_knows_a_password_cannot_keep_its_owner_from_giving_a_code(committed):
    hers = Client(REMOTE_ADDR=HOSPITAL)
    attempt(hers)
    secret = set_up(hers)
    hers.post("/accounts/sign-out/")
    thief = Client(REMOTE_ADDR=HOSPITAL)
    assert attempt(thief) == "in"  # as far as to the code
    answers = [thief.post("/accounts/second-factor/", {"code": "000000"}) for _ in range(7)]
    assert "Too many failed attempts" in answers[-1].content.decode()
    assert attempt(hers) == "in"
    given = {"code": code(secret, periods_ahead=1)}
    assert hers.post("/accounts/second-factor/", given).status_code == 302


def test_an_outsider_who_guesses_keeps_nobody_from_confirming(shut):
    form = {"oldpassword": factories.PASSWORD, "password1": NEW, "password2": NEW}
    assert shut.post("/accounts/password/", form, REMOTE_ADDR=HOSPITAL).status_code == 302


def test_whoever_sits_at_a_session_can_guess_its_password_no_faster():
    client = Client()
    attempt(client)
    form = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    pages = [client.post("/accounts/password/", form).content.decode() for _ in range(6)]
    assert ["Too many attempts" in page for page in pages] == [False] * 5 + [True]
    assert attempt(Client()) == "in"


def ask(client: Client, email: str = "anna@example.org", *, at=ELSEWHERE) -> int:
    return client.post(FORGOTTEN, {"email": email}, REMOTE_ADDR=at).status_code


def test_a_flood_of_wishes_fills_no_mailbox_and_stops_nobody_who_is_known():
    hers = Client()
    attempt(hers)
    hers.post("/accounts/sign-out/")
    for number in range(20):
        assert ask(Client(), at=f"203.0.113.{number}") == 302
    assert len(mail.outbox) == throttle.MAILS_AN_HOUR
    assert ask(hers) == 302
    assert len(mail.outbox) == throttle.MAILS_AN_HOUR + 1
    for _ in range(20):
        ask(hers)
    assert len(mail.outbox) == throttle.MAILS_AN_HOUR + throttle.MAILS_OF_ONE_SOURCE


def test_a_mailbox_gets_so_many_a_day_whoever_asks(clock):
    for _ in range(5):
        for _ in range(4):
            ask(Client())
        clock.seconds += 3600
    assert len(mail.outbox) == throttle.MAILS_A_DAY


def test_the_link_in_an_earlier_mail_is_good_while_no_more_are_sent():
    for _ in range(10):
        ask(Client())
    for sent in mail.outbox[:2]:
        [link] = re.findall(r"http://testserver(/\S*)", sent.body)
        assert Client().get(link).status_code == 302


def test_one_address_asks_for_so_many_mails_a_minute_whosever():
    for number in range(throttle.MAILS_A_MINUTE):
        assert ask(Client(), f"name-{number}@example.org") == 302
    assert ask(Client(), "another@example.org") == 200
    assert len(mail.outbox) == throttle.MAILS_A_MINUTE
    assert ask(Client(), "another@example.org", at=HOSPITAL) == 302
