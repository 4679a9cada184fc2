"""While the database can't be used nobody sees a failure: 503, words, and another attempt."""

import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from uuid import uuid4

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, ProgrammingError, connection
from django.db.utils import DatabaseErrorWrapper

from readerstudy.database_outages import BUSY, DISK_FULL, UNREACHABLE, outage, outlasts_outages
from readerstudy.reading.models import Reading
from tests import factories
from tests.rules.walk import Api, open_form, sign_in

pytestmark = pytest.mark.both_databases
CUTS = 24  # more than a submit asks
SHOWN = "The database is unavailable"


def lost(*_query):
    raise OperationalError("server closed the connection unexpectedly")


@contextmanager
def database_away(raised=lost):
    with connection.execute_wrapper(raised):
        yield


@pytest.fixture
def study(db):
    return factories.make_open(cases=2, readers=("anna",))


@pytest.fixture
def anna(study):
    return sign_in("anna", raise_request_exception=False)


def test_a_page_says_so_and_tries_again_by_itself(anna):
    with database_away():
        answer = anna.get("/read/study/")
    page = answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert SHOWN in page
    assert '<meta http-equiv="refresh" content="5">' in page
    assert "OperationalError" not in page
    assert "Traceback" not in page


def test_a_page_says_so_in_chinese(anna):
    anna.cookies["django_language"] = "zh-hans"
    with database_away():
        page = anna.get("/read/study/").content.decode()
    assert "数据库暂不可用" in page
    assert "本页面会自动重试" in page


@pytest.mark.parametrize("path", ["/api/v1/study/case/", "/api/v1/study/upcoming/"])
def test_the_api_names_what_a_browser_waits_out(path, anna):
    with database_away():
        answer = anna.get(path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["refusal"] == "DatabaseUnreachable"


def test_an_image_is_not_given_and_not_refused(anna):
    form = open_form(anna)
    with database_away():
        assert anna.get(f"/read/study/{form.code}/bus.png").status_code == 503
    assert anna.get(f"/read/study/{form.code}/bus.png").status_code == 200


@pytest.mark.parametrize("path", ["/admin/", "/admin/cohorts/study/", "/accounts/sign-in/", "/"])
def test_staff_and_strangers_are_told_alike(path, db):
    factories.make_user("root", is_staff=True, is_superuser=True)
    root = sign_in("root", raise_request_exception=False)
    with database_away():
        answer = root.get(path)
    assert answer.status_code == 503
    assert SHOWN in answer.content.decode()


def test_what_was_posted_is_not_sent_again_by_itself(anna):
    form = open_form(anna)
    with database_away():
        answer = anna.post(form.url, form.data())
    assert answer.status_code == 503
    assert "http-equiv" not in answer.content.decode()
    assert "Go back and check" in answer.content.decode()
    assert anna.post(form.url, form.data()).status_code == 302
    assert Reading.objects.count() == 1


@pytest.mark.django_db
def test_a_diagnosis_is_stored_whole_or_not_at_all_wherever_the_line_is_cut():
    """Be it cut before any of the submit's statements, and gone from there on."""
    factories.make_open(cases=CUTS, readers=("anna",))
    anna = sign_in("anna", raise_request_exception=False)
    answered = Counter()
    for at in range(1, CUTS + 1):
        code, key, asked = Api().open(anna), uuid4(), []

        def cut(execute, sql, *more, at=at, asked=asked):
            # To take back a transaction needs no server; here it is part of the test's own.
            takes_back = "ROLLBACK" in sql or (asked and "ROLLBACK" in asked[-1])
            asked.append(sql)
            is_away = len(asked) >= at and not takes_back
            return lost() if is_away else execute(sql, *more)

        with database_away(cut):
            answer = Api().submit(anna, code, key=key, wanted="?next=page")
        answered[answer.status_code] += 1
        stored = Reading.objects.count() == at
        if answer.status_code == 503:
            assert answer.json()["refusal"] == "DatabaseUnreachable"
        else:
            assert stored
            assert answer.status_code == 201
        assert Api().submit(anna, code, key=key).status_code == (200 if stored else 201)
        assert Reading.objects.count() == at
    assert answered[503] > 8
    assert answered[201] > 0


def test_a_mistake_of_ours_is_none(anna):
    def mistaken(*_query):
        raise ProgrammingError("syntax error")

    with database_away(mistaken):
        assert anna.get("/read/study/").status_code == 500


def driver_error(act) -> Exception:
    """What Django makes of what the driver raises."""
    with pytest.raises(Exception) as raised, DatabaseErrorWrapper(connection):  # noqa: PT011
        act()
    return raised.value


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's own errors")
def test_sqlites_errors_are_told_apart(tmp_path):
    path = tmp_path / "db"
    with closing(sqlite3.connect(path, timeout=0)) as one, closing(
        sqlite3.connect(path, timeout=0)
    ) as other:  # fmt: skip
        one.execute("CREATE TABLE t (x TEXT)")
        one.execute("BEGIN IMMEDIATE")
        locked = driver_error(lambda: other.execute("BEGIN IMMEDIATE"))
        one.rollback()
        one.execute("PRAGMA max_page_count = 3")
        full = driver_error(lambda: one.execute("INSERT INTO t VALUES (?)", ["x" * 100_000]))
        unknown = driver_error(lambda: one.execute("SELECT * FROM nothing"))
    assert isinstance(locked, OperationalError)
    assert [outage(each) for each in (locked, full, unknown)] == [BUSY, DISK_FULL, None]


class Said(Exception):
    """A driver's error with PostgreSQL's own code."""

    def __init__(self, pgcode):
        super().__init__("said")
        self.pgcode = pgcode


@pytest.mark.parametrize(
    ("pgcode", "expected"),
    [("57P01", UNREACHABLE), ("57P03", UNREACHABLE), ("53300", BUSY), ("53100", DISK_FULL),
     ("40P01", BUSY), ("57014", BUSY), ("08006", UNREACHABLE), (None, UNREACHABLE),
     ("42703", None)],
)  # fmt: skip
def test_postgresqls_errors_are_told_apart(pgcode, expected):
    error = OperationalError("said")
    error.__cause__ = Said(pgcode)
    assert outage(error) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), DISK_FULL),
        (OSError(2, "No such file"), None),
        (InterfaceError("connection already closed"), UNREACHABLE),
        (IntegrityError("unique"), None),
        (ValueError("x"), None),
        (None, None),
    ],
)
def test_other_errors_are_told_apart(error, expected):
    assert outage(error) == expected


def test_a_worker_begins_again_after_an_outage(monkeypatch):
    ends = iter([OperationalError("closed"), InterfaceError("closed"), None])
    begun = []
    monkeypatch.setattr("readerstudy.database_outages.wait_for_database", lambda: None)

    @outlasts_outages
    def work():
        begun.append(1)
        if error := next(ends):
            raise error

    work()
    assert len(begun) == 3
