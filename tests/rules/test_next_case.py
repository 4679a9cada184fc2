"""To find a reader's next case takes no longer at case 5,000 than at case 50."""

import json
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.support.readings import read_study
from benchmarks.support.site import made_up_model
from readerstudy.reading import sequence
from readerstudy.reading.models import Reader, Stage
from readerstudy.studies.models import Study

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
FEW, MANY, LEFT = 50, 5000, 3
# PostgreSQL looks at small tables whole, of few pages. What passes by each case read grows by 100.
MOST = {"sqlite": 2, "postgresql": 20}


def reader_of(cases: int, *, design: str) -> Reader:
    """A reader to whom the last cases of stage 2 are left, as of an open study."""
    study = read_study(
        f"of-{cases}", readers=1, cases=cases, model_version=made_up_model(), left=LEFT
    )
    reader = Reader.objects.select_related("study__protocol").get(study=study)
    reader.study.state = Study.State.OPEN
    reader.study.protocol.design = design
    return reader


def steps(ask: Callable[[], object]) -> int:
    """What the database does for it: instructions on SQLite, pages that are looked at on
    PostgreSQL."""
    if connection.vendor == "sqlite":
        done = []
        connection.connection.set_progress_handler(lambda: done.append(1), 1)
        ask()
        connection.connection.set_progress_handler(None, 1)
        return len(done)
    with CaptureQueriesContext(connection) as queries:
        ask()
    with connection.cursor() as cursor:
        [query] = queries
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query['sql']}")
        [[found]] = cursor.fetchall()
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.parametrize("design", ["two_session", "sequential"])
def test_to_find_the_next_case_takes_as_long_at_any_case(design):
    took = {}
    for cases in (FEW, MANY):
        reader = reader_of(cases, design=design)
        if connection.vendor == "postgresql":
            connection.cursor().execute("ANALYZE")
        here = sequence.current_and_next(reader)
        took[cases] = steps(lambda reader=reader: sequence.current_and_next(reader))
        next_two = [(each.stage, each.position) for each in (here.current, here.following)]
        assert next_two == [(Stage.AIDED, cases - LEFT + 1), (Stage.AIDED, cases - LEFT + 2)]
    assert took[MANY] < MOST[connection.vendor] * took[FEW], took
