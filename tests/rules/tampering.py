"""Somebody at the database's own console, who has taken the triggers away."""

import uuid
from datetime import date, timedelta

from django.db import connection, models

from readerstudy.audit.append_only import guarded_models


def drop_guards() -> None:
    """Take away every trigger that refuses a change."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing may be pending meanwhile
        for model, guard in guarded_models().items():
            table = model._meta.db_table
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            for verb in guard.verbs:
                cursor.execute(f"DROP TRIGGER {table}_no_{verb.lower()}{on}")
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def change(row: models.Model, field: models.Field) -> None:
    """Set one column of one row to another value."""
    value = _other(row, field)
    with connection.cursor() as cursor:
        table, key = row._meta.db_table, row._meta.pk.column
        cursor.execute(
            f'UPDATE {table} SET "{field.column}" = %s WHERE {key} = %s',
            [field.get_db_prep_save(value, connection), row.pk],
        )


def delete(row: models.Model) -> None:
    with connection.cursor() as cursor:
        key = row._meta.pk.column
        cursor.execute(f"DELETE FROM {row._meta.db_table} WHERE {key} = %s", [row.pk])


def swap(one: models.Model, other: models.Model) -> None:
    """Put each row in the place of the other."""
    with connection.cursor() as cursor:
        for new, old in ((10**6, one.pk), (one.pk, other.pk), (other.pk, 10**6)):
            key = one._meta.pk.column
            statement = f"UPDATE {one._meta.db_table} SET {key} = %s WHERE {key} = %s"
            cursor.execute(statement, [new, old])


def _other(row: models.Model, field: models.Field):
    """A value of the column's kind that it does not have."""
    value = getattr(row, field.attname)
    if field.choices:
        return next(choice for choice, _ in field.choices if choice != value)
    for kind, another in OTHER:
        if isinstance(field, kind):
            return another(value)
    return f"{value[:-1]}~" if value else "~"


OTHER = (  # the narrower kind first
    (models.BooleanField, lambda value: not value),
    (models.DateTimeField, lambda value: value + timedelta(microseconds=1)),
    (models.DateField, lambda value: date(2031, 1, 31)),
    (models.UUIDField, lambda value: uuid.uuid4()),
    (models.JSONField, lambda value: {"other": 1}),
    (models.FileField, lambda value: f"{value.name[:-1]}~"),
    (models.BinaryField, lambda value: bytes(value) + b"~"),
    (models.FloatField, lambda value: (value or 1) / 2),
    (models.GenericIPAddressField, lambda value: "192.0.2.7"),
    ((models.ForeignKey, models.IntegerField), lambda value: (value or 0) + 1),
)
