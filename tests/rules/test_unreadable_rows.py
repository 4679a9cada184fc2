"""A row that somebody spoilt is named by the verification, and hides nothing else.

What Python can't hold, the database may: the verification, the auditor's pages and the files of the
log go on.
"""

import io

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from readerstudy.audit.models import AuditEvent
from readerstudy.audit.verification import Verdict, verify
from tests import factories
from tests.rules import tampering
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
EVENT = "UPDATE audit_auditevent SET {} WHERE number = {}"


@shared
def study():
    study = factories.make_open(cases=2, readers=("anna",))
    factories.read_next(study.reader_set.get())
    call_command("verify_audit", stdout=io.StringIO())
    return study


def opening() -> int:
    return AuditEvent.objects.get(action="study.open").number


def spoil(statement: str) -> None:
    """Something is wrong at the end of the log too, which must be found as well."""
    tampering.drop_guards()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = 1")
        cursor.execute(statement)
        cursor.execute("UPDATE audit_auditevent SET actor = 'x' WHERE action = 'audit.verify'")


@pytest.fixture(autouse=True)
def constraints_stand_again(db):
    """No transaction takes SQLite's setting back."""
    yield
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = 0")


@pytest.fixture
def after(study):
    """What a verification finds after this SQL, which is undone."""

    def verdict(statement: str) -> Verdict:
        with transaction.atomic():
            spoil(statement)
            found = verify()
            transaction.set_rollback(True)
        return found

    return verdict


def told(verdict: Verdict) -> str:
    return "\n".join(map(str, verdict.problems))


def test_a_study_without_a_time_of_opening_is_named(after):
    found = told(after("UPDATE cohorts_study SET state = 'draft', opened_at = NULL"))
    assert "study study: it has no opening time" in found
    assert "states of studies: study: differs from what the last step set" in found
    assert "audit.verify): was changed" in found


DETAILS = ["[1]", '"text"', "7", "null", "true", "[]"]
NESTED = [
    '{"roles": {"abc": "investigator"}}', '{"roles": [1]}', '{"orders": [1], "protocol": 3}',
    '{"orders": {"a": [1], "x stage y": 1}}', '{"study": {"state": [1]}}', '{"after": "x"}',
    '{"evidence": {"case/1": 7}, "stored": 3}', '{"evidence": {"case/1": [[1, 2]]}}',
    '{"first": 1, "last": 9}', '{"reading": 1, "sha256": {}, "trace": []}',
    '{"user": [1], "role": {}, "after": [2]}', '{"recorded_later": 1, "roles": {"": {}}}',
]  # fmt: skip
ACTIONS = ["study.open", "reading.submit"]


@pytest.mark.parametrize("detail", [*DETAILS, *NESTED])
@pytest.mark.parametrize("action", ACTIONS)
def test_an_event_whose_detail_is_of_another_shape_is_named_and_the_rest_checked(
    action, detail, after
):
    number = AuditEvent.objects.filter(action=action).last().number
    found = told(after(EVENT.format(f"detail = '{detail}'", number)))
    assert f"event {number} (" in found
    assert f"{action}): was changed" in found
    assert ("its detail is not a JSON object" in found) == (detail in DETAILS)
    assert "audit.verify): was changed" in found


ADDRESSES = ["10.0.0.0/8", "fe80::/10"]
TIMES = ["0044-03-15 00:00:00+00 BC", "12000-01-01 00:00:00+00", "infinity", "-infinity",
         "0001-01-01 00:00:00+00", "9999-12-31 23:59:59+00"]  # fmt: skip
COLUMNS = [("address", each) for each in ADDRESSES] + [("at", each) for each in TIMES]


@pytest.mark.parametrize(("column", "value"), COLUMNS)
def test_an_event_with_a_value_that_python_can_not_hold_is_named(column, value, after):
    number = opening()
    found = told(after(EVENT.format(f"{column} = '{value}'", number)))
    assert f"event {number} (" in found
    assert "study.open): was changed" in found
    assert "audit.verify): was changed" in found
    assert "was added" not in found


NO_TIME = {"postgresql": "0044-03-15 00:00:00+00 BC", "sqlite": "2026-99-99 00:00:00"}
ROWS = {
    "UPDATE cohorts_study SET opened_at = {}": "states of studies: study: can't be read",
    "UPDATE reading_reading SET submitted_at = {}, started_at = {}": "can't be read",
    "UPDATE inference_prediction SET created_at = {}": "predictions, row",
    "UPDATE reading_presentation SET at = {}": "can't be read",
    "UPDATE cohorts_protocol SET frozen_at = {}": "protocols, row",
}


@pytest.mark.parametrize("statement", ROWS)
def test_a_row_that_can_not_be_read_is_named_and_the_rest_checked(statement, after):
    time = f"'{NO_TIME[connection.vendor]}'"
    found = told(after(statement.replace("{}", time)))
    assert ROWS[statement] in found
    assert "audit.verify): was changed" in found
    assert "was added" not in found


def test_the_command_ends_with_status_1_and_names_it(study, capsys):
    with transaction.atomic():
        time = NO_TIME[connection.vendor]
        spoil(EVENT.format(f"at = '{time}', detail = '[1]'", opening()))
        said = io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("verify_audit", stderr=said, stdout=io.StringIO())
        transaction.set_rollback(True)
    assert ended.value.code == 1
    assert "its detail is not a JSON object" in said.getvalue()
    assert time[:10] in said.getvalue()


@pytest.mark.parametrize(("column", "value"), [*COLUMNS, *(("detail", each) for each in DETAILS)])
def test_pages_and_files_of_the_log_show_a_spoilt_event(column, value, study):
    client = Client()
    client.force_login(factories.make_user("root", is_staff=True, is_superuser=True))
    number = AuditEvent.objects.get(action="audit.verify").number
    with transaction.atomic():
        spoil(EVENT.format(f"{column} = '{value}'", number))
        page = client.get("/audit/")
        files = [client.get(f"/audit/events.{format}") for format in ("csv", "jsonl")]
        bodies = [b"".join(file.streaming_content).decode() for file in files]
        posted = client.post("/audit/", follow=True)
        transaction.set_rollback(True)
    assert (page.status_code, posted.status_code) == (200, 200)
    assert "event " in posted.content.decode()
    for body in bodies:
        assert f"{number}" in body
    if column == "detail":
        assert "the result can't be read" in page.content.decode()
