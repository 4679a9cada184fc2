"""A prepared query gives what its queryset gives, on either database."""

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.test.utils import CaptureQueriesContext

from readerstudy.cohorts.models import Study
from readerstudy.prepared import Prepared
from readerstudy.reading import sequence
from readerstudy.reading.models import Reader
from tests import factories
from tests.rules.walk import Api, sign_in

pytestmark = pytest.mark.django_db


def named(slug: str) -> QuerySet[Study]:
    studies = Study.objects.filter(slug=slug).annotate(seed=F("protocol__seed"))
    return studies.select_related("protocol")


def rows(studies) -> list[tuple]:
    return [
        (study, study.opened_at, study.seed, study.protocol.design, study._state.db)
        for study in studies
    ]


def test_it_gives_the_rows_of_its_queryset_value_by_value():
    prepared = Prepared(named, sample="-")
    for slug in ("one", "two"):
        factories.make_open(slug, cases=1, readers=(slug,))
    for slug in ("one", "two", "one", "three", "' OR 1=1 --", "%s"):
        assert rows(prepared(slug)) == rows(named(slug)), slug
    assert [len(prepared(slug)) for slug in ("one", "two", "three")] == [1, 1, 0]


def test_what_is_selected_beside_is_not_asked_for_again():
    factories.make_open(cases=1)
    prepared = Prepared(named, sample="-")
    prepared("study")
    with CaptureQueriesContext(connection) as queries:
        rows(prepared("study"))
    assert len(queries) == 1


def test_it_holds_no_rows():
    prepared = Prepared(named, sample="-")
    assert prepared("study") == []
    factories.make_draft()
    assert len(prepared("study")) == 1


@pytest.mark.parametrize("others", [{}, {"years_of_experience": 1, "pk": 1}], ids=["not", "twice"])
def test_a_sample_that_is_not_once_in_the_query_is_refused(others):
    prepared = Prepared(lambda pk: Reader.objects.filter(**others), sample=1)
    with pytest.raises(ValueError, match="is not once in the query"):
        prepared(7)


@pytest.mark.parametrize("design", ["two_session", "sequential"])
def test_a_readers_line_is_the_beginning_of_what_is_unread(design):
    factories.make_open(cases=3, readers=("anna", "boris"), design=design)
    for number in range(7):
        for reader in Reader.objects.select_related("study__protocol"):
            line = sequence.line(reader)
            left = list(sequence.unread(reader).select_related("presentation"))
            assert len(left) == 6 - number
            assert [line.current, line.following] == [*left, None, None][:2]
            if left:
                factories.read_next(reader)


def test_a_submit_waits_for_the_readers_row():
    factories.make_open(cases=2)
    client = sign_in("anna")
    code = Api().open(client)
    with CaptureQueriesContext(connection) as queries:
        assert Api().submit(client, code).status_code == 201
    locks = [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    assert len(locks) == (connection.vendor == "postgresql")  # SQLite has one writer in any case
    assert all('"reading_reader"."id" = ' in lock for lock in locks)
