"""Whoever is refused again and again is on record, and fills no log with it."""

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as NotReachable

from readerstudy.accounts import json_cache
from readerstudy.audit import refusal_throttle
from readerstudy.audit.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
READING = "/read/alpha/0000000000000000/bus.png"
DENIED = [READING, "/read/beta/", "/admin/", "/audit/alpha/", "/results/alpha/"]


@pytest.fixture
def clock(monkeypatch):
    """What the refusals and the cache take for the time."""

    class Clock:
        seconds = 20_000 * 24 * refusal_throttle.HOUR

        def time(self) -> float:
            return self.seconds

        def now(self):
            return json_cache.datetime.fromtimestamp(self.seconds, json_cache.UTC)

    clock = Clock()
    monkeypatch.setattr(refusal_throttle, "time", clock)
    monkeypatch.setattr(json_cache, "timezone", clock)
    return clock


@pytest.fixture
def stranger(client):
    """Signed in, and nothing to anybody."""
    client.force_login(factories.make_user("stranger"))
    return client


def refused(*, actor="stranger") -> list[AuditEvent]:
    outcome = AuditEvent.Outcome.REFUSED
    return list(AuditEvent.objects.filter(actor=actor, outcome=outcome).order_by("number"))


@pytest.mark.parametrize("path", DENIED)
def test_refusals_are_events_at_first_and_then_one_a_minute_with_their_number(
    stranger, clock, path
):
    for _ in range(60):
        assert stranger.get(path).status_code in (403, 404)
    # The first ones, and the first of the minute; 39 are counted.
    assert len(refused()) == refusal_throttle.SINGLY + 1
    clock.seconds += refusal_throttle.MINUTE
    stranger.get(path)
    stranger.get(path)
    assert len(refused()) == refusal_throttle.SINGLY + 2
    assert refused()[-1].detail == {"not_written_singly": 39}
    clock.seconds += refusal_throttle.HOUR
    for _ in range(2):
        stranger.get(path)
    assert [event.detail for event in refused()[-2:]] == [{"not_written_singly": 1}, {}]


def test_each_person_and_each_kind_of_refusal_has_its_own_first_ones(stranger, client, clock):
    for _ in range(refusal_throttle.SINGLY + 5):
        stranger.get(READING)
    stranger.get("/admin/")
    assert refused()[-1].action == "access"
    client.force_login(factories.make_user("another"))
    client.get(READING)
    assert len(refused(actor="another")) == 1


def test_what_can_not_be_counted_is_written(stranger, monkeypatch):
    def fail(*_args, **_kwargs):
        raise NotReachable

    monkeypatch.setattr(cache, "get", fail, raising=False)
    for _ in range(refusal_throttle.SINGLY + 5):
        assert stranger.get(READING).status_code == 404
    assert len(refused()) == refusal_throttle.SINGLY + 5
