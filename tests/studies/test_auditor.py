"""The auditor's pages: who sees them, what is found by which filter, and the files."""

import csv
import io
import json
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from readerstudy.audit import canonical
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.studies.auditor import events as auditor_events
from readerstudy.studies.auditor import views
from readerstudy.studies.models import Membership
from tests import factories
from tests.rules import tampering
from tests.worlds import shared

pytestmark = pytest.mark.django_db


@shared
def study():
    return factories.make_open(cases=1, readers=("anna",))


@pytest.fixture
def admin(study) -> Client:
    client = Client()
    client.force_login(factories.make_user("root", is_staff=True, is_superuser=True))
    return client


def shown(client: Client, url: str) -> list[int]:
    return [event.number for event, _detail in client.get(url).context["events"]]


@pytest.fixture
def log(admin):
    """Five events on five days; the numbers that they have."""
    rows = []
    for day in range(1, 6):
        with patch(
            "django.utils.timezone.now", return_value=datetime(2026, 1, day, 23, tzinfo=UTC)
        ):
            event = record(
                "reading.submit" if day % 2 else "reading.access",
                actor=f"user {day}",
                study="study" if day < 5 else "other",
                target=f"place {day}",
                refused=day == 4,
                detail={"told": f"what {day}"},
            )
        rows.append(event.number)
    return rows


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("actor=user+3", [3]),
        ("actor=user", []),
        ("action=reading.", [4, 3, 2, 1]),
        ("action=reading.submit", [3, 1]),
        ("outcome=refused", [4]),
        ("since=2026-01-02&until=2026-01-03", [3, 2]),
        ("until=2026-01-01", [1]),
        ("text=PLACE+2", [2]),
        ("text=what+3", [3]),
        ("action=reading.submit&text=place+1", [1]),
        ("text=100%25", []),
    ],
)
def test_filters(query, days, admin, log):
    assert shown(admin, f"/audit/study/?{query}") == [log[day - 1] for day in days]


def test_a_study_shows_its_own_events_and_the_site_all(admin, log):
    assert log[4] not in shown(admin, "/audit/study/")
    assert log[4] in shown(admin, "/audit/")
    assert set(shown(admin, "/audit/study/")) < set(shown(admin, "/audit/"))


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "outcome=other", "before=0", "before=x", f"before={2**70}", "text=%00",
     f"text={'x' * 201}"],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_told(query, admin):
    answer = admin.get(f"/audit/?{query}")
    assert answer.status_code == 400
    assert 'class="error"' in answer.content.decode()
    assert admin.get(f"/audit/events.csv?{query}").status_code == 400


def test_pages_follow_each_other_without_a_gap(admin, log, monkeypatch):
    monkeypatch.setattr(auditor_events, "PAGE", 2)
    url, numbers = "/audit/?action=reading.", []
    while url:
        context = admin.get(url).context
        numbers += [event.number for event, _detail in context["events"]]
        url = context["older"] and f"/audit/?{context['older']}"
    assert numbers == list(reversed(log))


def test_a_page_takes_as_many_queries_for_many_events(admin, log):
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert admin.get("/audit/study/").status_code == 200
        counts.append(len(queries))
        for number in range(150):
            record("test", study="study", target=str(number))
    assert counts[0] == counts[1] < 12


def text_of(answer) -> str:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_csv_has_all_that_fits_and_no_formula(admin, log):
    record("account.sign_in", actor="=HYPERLINK(1)", refused=True)
    rows = list(
        csv.DictReader(io.StringIO(text_of(admin.get("/audit/events.csv?outcome=refused"))))
    )
    assert [row["number"] for row in rows] == [str(log[3]), str(log[4] + 1)]
    assert rows[1]["actor"] == "'=HYPERLINK(1)"
    assert json.loads(rows[0]["detail"]) == {"told": "what 4"}


def test_json_lines_can_be_verified_by_themselves(admin, log):
    lines = [json.loads(line) for line in text_of(admin.get("/audit/events.jsonl")).splitlines()]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    previous = ""
    for line in lines:
        sha256, _seal = line.pop("sha256"), line.pop("seal")
        assert line["previous_sha256"] == previous
        previous = line["previous"] = line.pop("previous_sha256")
        line["address"] = line["address"] and canonical.to_address(line["address"])
        assert canonical.digest(line) == sha256
        previous = sha256


def test_an_export_is_recorded(admin, log):
    text_of(admin.get("/audit/study/events.csv?actor=user+3"))
    event = AuditEvent.objects.first()
    assert (event.actor, event.action, event.study) == ("root", "audit.export", "study")
    assert event.detail == {"filter": {"actor": "user 3"}}


def test_a_verification_is_shown_and_recorded(admin):
    page = admin.post("/audit/study/", follow=True).content.decode()
    assert "No tampering was found in what was checked." in page
    event = AuditEvent.objects.first()
    assert (event.actor, event.action, event.study) == ("root", "audit.verify", "study")
    assert event.detail["problems"] == 0
    tampering.drop_guards()
    AuditEvent.objects.filter(number=1).update(actor="boris")
    page = admin.post("/audit/", follow=True).content.decode()
    assert "event 1 (" in page
    assert "problems. First: event 1 (" in admin.get("/audit/study/").content.decode()


def test_a_long_log_is_for_the_command(admin, monkeypatch):
    monkeypatch.setattr(views, "ON_DEMAND", 1)
    assert "manage.py verify_audit --study study" in admin.get("/audit/study/").content.decode()
    assert "Use manage.py verify_audit" in admin.post("/audit/study/", follow=True).content.decode()
    assert not AuditEvent.objects.filter(action="audit.verify").exists()


@pytest.mark.parametrize("username", ["anna", "ivan", "clerk"])
def test_nobody_else_learns_of_it_and_the_attempt_is_recorded(username, study):
    factories.make_investigator(study, "ivan")
    factories.make_user("clerk", is_staff=True)
    client = Client()
    client.force_login(factories.User.objects.get(username=username))
    for url in ("/audit/", "/audit/study/", "/audit/none/", "/audit/study/events.csv"):
        assert client.get(url).status_code == 404
        event = AuditEvent.objects.first()
        assert (event.action, event.outcome, event.target) == ("audit.access", "refused", url)


def test_a_submit_is_shown_without_what_was_read(admin, study):
    factories.read_next(study.reader_set.get())
    page = admin.get("/audit/study/?action=reading.submit").content.decode()
    assert "R1 stage 1 place 1" in page
    assert "reactive_hyperplasia" not in page


def test_an_auditor_sees_the_log_of_the_own_study_alone(study):
    client = Client()
    client.force_login(factories.make_member(study, "vera", Membership.Role.AUDITOR))
    assert client.get("/audit/study/").status_code == 200
    assert client.post("/audit/study/").status_code == 302
    factories.make_open("other", cases=1, readers=("zoe",))
    for url in ("/audit/", "/audit/other/", "/audit/events.jsonl"):
        assert client.get(url).status_code == 404
