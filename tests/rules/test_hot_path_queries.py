"""A written SQL statement gives what the ORM's own query gives, on either database."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.db.models import F, Model
from django.test.utils import CaptureQueriesContext

from readerstudy.reading import hot_path_queries, lifecycle, sequence
from readerstudy.reading.models import Assignment, Presentation, Reader, Stage
from readerstudy.reading.submission import record_presentation
from readerstudy.studies.models import Protocol, Study
from tests import factories
from tests.rules.walk import Api, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def values(row: Model | None) -> dict | None:
    """Every field of a row, each of which it must have without asking for it again."""
    if row is None:
        return None
    assert row.get_deferred_fields() == set()
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def asked(call: Callable[[], object]) -> list[str]:
    """The SQL that was sent meanwhile, without quotes and with bare columns."""
    with CaptureQueriesContext(connection) as queries:
        call()
    return [query["sql"].replace('"', "").replace("reading_reader.", "") for query in queries]


def reader_in(study: Study) -> Reader:
    return Reader.objects.select_related("study__protocol", "user").filter(study=study).first()


# Studies by their slugs.


def compare_study(slug: str) -> None:
    by_orm = Study.objects.annotate(frozen_sha256=F("protocol__frozen_sha256"))
    expected = by_orm.filter(slug=slug).first()
    found = hot_path_queries.study_by_slug(slug)
    assert values(found) == values(expected)
    if found:
        assert found.frozen_sha256 == expected.frozen_sha256


def test_a_study_is_the_one_of_its_slug():
    for slug in ("one", "two"):
        factories.make_open(slug, cases=1, readers=(slug,))
    for slug in ("one", "two", "one", "ONE", "three", "", "' OR 1=1 --", "%s", "o%"):
        compare_study(slug)
    assert hot_path_queries.study_by_slug("two").slug == "two"
    assert hot_path_queries.study_by_slug("three") is None


def test_a_study_is_as_it_is_now_in_every_state():
    study = factories.make_draft(cases=1, readers=("anna",))
    compare_study("study")
    assert hot_path_queries.study_by_slug("study").frozen_sha256 == ""
    lifecycle.open_study(study, by="test")
    compare_study("study")
    assert len(hot_path_queries.study_by_slug("study").frozen_sha256) == 64
    lifecycle.pause_study(study, by="test", reason="The server moves")
    compare_study("study")
    lifecycle.resume_study(study, by="test")
    factories.read_all(study)
    lifecycle.lock_study(study, by="test")
    compare_study("study")
    factories.unblind(study)
    compare_study("study")
    lifecycle.archive_study(study, by="test")
    compare_study("study")
    assert hot_path_queries.study_by_slug("study").state == Study.State.ARCHIVED


def test_a_study_without_a_protocol_has_no_hash():
    Study.objects.create(slug="bare", title="Bare")
    compare_study("bare")
    assert hot_path_queries.study_by_slug("bare").frozen_sha256 is None


def test_a_study_takes_one_query():
    factories.make_open(cases=1)
    assert len(asked(lambda: values(hot_path_queries.study_by_slug("study")))) == 1


# The next cases of a reader.


def next_ones(reader: Reader) -> list[Assignment]:
    """What is asked for, in an order of its own."""
    return sorted(hot_path_queries.next_assignments(reader.pk), key=lambda a: (a.stage, a.position))


def by_orm(reader: Reader) -> list[Assignment]:
    """The first two that are unread of each stage, as ``next_ones``."""
    left = sequence.unread_assignments(reader).select_related("presentation").order_by("position")
    return [place for stage in Stage for place in left.filter(stage=stage)[:2]]


def shown_by_orm(assignment: Assignment):
    return getattr(assignment, "presentation", None) and assignment.presentation.at


def compare_line(reader: Reader) -> None:
    found, expected = next_ones(reader), by_orm(reader)
    assert [values(each) for each in found] == [values(each) for each in expected]
    assert [each.shown_at for each in found] == [shown_by_orm(each) for each in expected]
    assert all(each.shown_at.utcoffset() is not None for each in found if each.shown_at)
    here = sequence.current_and_next(reader)
    left = list(sequence.unread_assignments(reader))
    assert [here.current, here.following] == [*left, None, None][:2]


@pytest.mark.parametrize("design", Protocol.Design.values)
@pytest.mark.parametrize("cases", [1, 3])
def test_a_readers_next_cases_are_the_first_that_are_unread(cases, design):
    """From the first case to the last, and after it; shown and not; others read meanwhile."""
    factories.make_open("other", cases=cases, readers=("anna", "boris"), design=design)
    factories.make_open(cases=cases, readers=("anna", "boris"), design=design)
    for left in range(2 * cases, -1, -1):
        for reader in Reader.objects.select_related("study__protocol"):
            compare_line(reader)
            assert sequence.unread_assignments(reader).count() == left
            if left:
                record_presentation(sequence.current_assignment(reader))
                compare_line(reader)
                factories.read_next(reader)
    assert hot_path_queries.next_assignments(reader.pk) == []
    assert Presentation.objects.count() == 4 * 2 * cases


def test_a_readers_next_cases_are_those_of_nobody_else():
    factories.make_draft(cases=2)
    assert hot_path_queries.next_assignments(reader_in(Study.objects.get()).pk) == []
    assert hot_path_queries.next_assignments(0) == []


@pytest.mark.parametrize("shut", ["pause", "lock", "washout"])
def test_where_nothing_may_be_read_the_next_cases_are_the_same(shut):
    """It is ``sequence.line`` that gives none then."""
    days = 3 if shut == "washout" else 0
    study = factories.make_open(cases=2, readers=("anna",), washout_days=days)
    factories.read_next(reader_in(study))
    if shut == "pause":
        lifecycle.pause_study(study, by="test", reason="The server moves")
    elif shut == "lock":
        lifecycle.lock_study(study, by="test")
    else:
        factories.read_next(reader_in(study))
    reader = reader_in(study)
    assert [values(each) for each in next_ones(reader)] == [values(each) for each in by_orm(reader)]
    assert sequence.current_and_next(reader) == sequence.ReadingPosition(None, None)


def test_the_next_cases_take_one_query():
    study = factories.make_open(cases=2)
    reader = reader_in(study)

    def look():
        for each in hot_path_queries.next_assignments(reader.pk):
            assert each.shown_at is None
            values(each)

    assert len(asked(look)) == 1


def test_a_case_that_was_noted_as_shown_is_known_to_be():
    reader = reader_in(factories.make_open(cases=1))
    assignment = sequence.current_assignment(reader)
    record_presentation(assignment)
    assert assignment.shown_at == Presentation.objects.get().at
    assert asked(lambda: record_presentation(assignment)) == []


# The lock.


def test_a_submit_waits_for_the_readers_row():
    factories.make_open(cases=2)
    client = sign_in("anna")
    code = Api().open(client)
    sent = asked(lambda: Api().submit(client, code))
    reader = Reader.objects.get(user__username="anna")
    with transaction.atomic():
        locks = asked(lambda: hot_path_queries.lock_reader(reader.pk))
        one = Reader.objects.select_for_update().filter(pk=reader.pk).only("pk").order_by()
        by_orm = asked(lambda: list(one))
    if connection.vendor == "postgresql":
        assert locks == by_orm
        assert locks[0].endswith(f"WHERE id = {reader.pk} FOR UPDATE")
        assert sent.index(locks[0]) < next(i for i, sql in enumerate(sent) if "RECURSIVE" in sql)
    else:  # it has one writer in any case, and no such words
        assert locks == []
        assert "FOR UPDATE" not in by_orm[0]


def test_nothing_is_locked_outside_of_a_transaction(monkeypatch):
    monkeypatch.setattr(transaction, "get_autocommit", lambda: True)
    with pytest.raises(transaction.TransactionManagementError, match="within a transaction"):
        hot_path_queries.lock_reader(1)
