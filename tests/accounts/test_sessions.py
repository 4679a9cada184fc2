"""A session ends with time, and sooner if nobody uses it; noting so costs hardly a query."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from readerstudy.accounts import sessions
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
        assert not [sql for sql in sqls if not sql.startswith("SELECT")], sqls
        assert len([sql for sql in sqls if "django_session" in sql]) == 1


def test_a_session_from_before_there_were_times_goes_on_and_is_timed(anna, clock, settings):
    session = anna.session
    del session["began_at"], session["seen_at"]
    session.save()
    assert anna.get("/").status_code == 200
    clock.now += settings.SESSION_IDLE_SECONDS
    assert anna.get("/").status_code == 302
