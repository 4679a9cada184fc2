"""What every read asks of the database, as written SQL.

The ORM takes longer to write these queries than the database takes to answer them. Tables and
columns are written out rather than taken from the models, so that a statement reads as SQL and can
be tried in a database's own shell. As in the tables, names are in lower case and none is a reserved
word, which SQLite and PostgreSQL read alike without quotes. Values are parameters, never part of
the text. ``tests/rules/test_hot_path_queries.py`` holds each statement to what the ORM gives on
either database; it fails when a table or a column has another name, or a model one more column.
"""

from datetime import UTC

from django.db import connection, transaction
from django.utils import timezone

from readerstudy.reading.models import Assignment
from readerstudy.studies.models import Study

_STUDY = """
SELECT study.*, protocol.frozen_sha256
FROM cohorts_study AS study
LEFT JOIN cohorts_protocol AS protocol ON protocol.study_id = study.id
WHERE study.slug = %s
"""

# The two places of each stage after the last one that is read: a reader's next two cases are among
# them. As all before a read case are read, that place is found by steps of half the length each, be
# there 50 cases or 5,000: to pass by what is read one by one takes longer with each case. With a
# join instead of NOT EXISTS the database would go through all readings of all readers each time.
_NEXT_ASSIGNMENTS = """
WITH RECURSIVE search(stage, last_read, step) AS (
  SELECT stage, 0, 1048576 FROM (SELECT 1 AS stage UNION ALL SELECT 2) AS stages
  UNION ALL
  SELECT stage, last_read + CASE WHEN EXISTS (
    SELECT 1 FROM reading_assignment AS place
    JOIN reading_reading AS reading ON reading.assignment_id = place.id
    WHERE place.reader_id = %(reader)s AND place.stage = search.stage
      AND place.position = search.last_read + search.step
  ) THEN step ELSE 0 END, step / 2
  FROM search WHERE step > 0
)
SELECT assignment.*, presentation.at AS shown_at
FROM reading_assignment AS assignment
LEFT JOIN reading_presentation AS presentation ON presentation.assignment_id = assignment.id
WHERE assignment.id IN (
  SELECT (
    SELECT id FROM reading_assignment AS place
    WHERE place.reader_id = %(reader)s AND place.stage = search.stage
      AND place.position = search.last_read + ahead.places
  ) FROM search, (SELECT 1 AS places UNION ALL SELECT 2) AS ahead WHERE search.step = 0
) AND NOT EXISTS (
  SELECT 1 FROM reading_reading AS reading WHERE reading.assignment_id = assignment.id
)
"""

_LOCK = "SELECT id FROM reading_reader WHERE id = %s FOR UPDATE"


def study_by_slug(slug: str) -> Study | None:
    """The study of this slug; None if there is none.

    It has one attribute more, ``frozen_sha256``: the hash of its frozen protocol, "" before the
    freeze and None where there is no protocol.
    """
    return next(iter(Study.objects.raw(_STUDY, [slug])), None)


def next_assignments(reader_id: int) -> list[Assignment]:
    """The first two unread assignments of each stage, in no order.

    Each has one attribute more, ``shown_at``: when its case was first shown to the reader, an aware
    datetime, or None.
    """
    assignments = list(Assignment.objects.raw(_NEXT_ASSIGNMENTS, {"reader": reader_id}))
    for assignment in assignments:
        if assignment.shown_at and timezone.is_naive(assignment.shown_at):  # as SQLite has it
            assignment.shown_at = assignment.shown_at.replace(tzinfo=UTC)
    return assignments


def lock_reader(reader_id: int) -> None:
    """Let whoever else locks this reader wait until the transaction ends.

    On SQLite nobody else writes during a transaction in any case. Raises
    TransactionManagementError outside of a transaction, in which nothing would be locked.
    """
    if transaction.get_autocommit():
        raise transaction.TransactionManagementError("A reader is locked within a transaction.")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [reader_id])
