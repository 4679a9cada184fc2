"""Rows that somebody spoilt so far that Python can't read them: told as such, never a stack trace.

A database holds what Python does not: years before Christ, a network for an address, JSON of any
shape. One such row must not hide what is wrong with the others.
"""

from collections.abc import Iterable, Iterator
from datetime import MAXYEAR, MINYEAR, datetime

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model, QuerySet, TextField
from django.db.models.functions import Cast

from readerstudy.audit.models import AuditEvent
from readerstudy.audit.row_checker import Problem

# What reading a spoilt value raises. A database that is gone is none of these.
UNREADABLE = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError,
    ObjectDoesNotExist, ValidationError,
)  # fmt: skip


def with_unreadable(where: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    """These problems, and one more where finding them ends at something that can't be read."""
    try:
        yield from problems
    except UNREADABLE as fault:
        yield unreadable_problem(where, fault)


def unreadable_problem(where: str, fault: Exception) -> Problem:
    """What is told of a row whose reading raised this."""
    return Problem(where, f"can't be read: {type(fault).__name__}, {fault}"[:500])


def rows_of(rows: QuerySet) -> dict[int, Model | Exception]:
    """By id, these rows; of one that can't be read, why."""
    try:
        return {row.pk: row for row in rows}
    except UNREADABLE:
        ids = list(rows.values_list("pk", flat=True))
        return {pk: _row(rows.filter(pk=pk)) for pk in ids}


def events_of(rows: QuerySet[AuditEvent]) -> list[AuditEvent]:
    """These events. A value that Python can't hold is the text that the database has for it."""
    try:
        events = list(rows)
    except UNREADABLE:
        numbers = list(rows.values_list("number", flat=True))
        events = [_event(AuditEvent.objects.filter(number=number)) for number in numbers]
    for event in events:
        if isinstance(event.at, datetime) and event.at.year in (MINYEAR, MAXYEAR):
            event.at = str(event.at)  # no other time zone has it
    return events


def event_time_text(event: AuditEvent, format: str = "%Y-%m-%d %H:%M:%S") -> str:
    """When an event was, for people."""
    return event.at.strftime(format) if isinstance(event.at, datetime) else str(event.at)


def _row(one: QuerySet) -> Model | Exception:
    try:
        return one.get()
    except UNREADABLE as fault:
        return fault


def _event(row: QuerySet[AuditEvent]) -> AuditEvent:
    try:
        return row.get()
    except UNREADABLE:
        names = [field.attname for field in AuditEvent._meta.concrete_fields]
        return AuditEvent(**{name: _value(row, name) for name in names})


def _value(row: QuerySet[AuditEvent], name: str) -> object:
    try:
        return row.values_list(name, flat=True).get()
    except UNREADABLE:
        return row.values_list(Cast(name, TextField()), flat=True).get()
