"""Rows that the database itself refuses to change, whoever asks.

A model says so with ``@append_only()`` (no UPDATE, no DELETE), ``@frozen_when(...)`` (no INSERT
either, while a condition holds) or, in full, ``@refuses(...)``. The triggers are installed after
every migration and, on SQLite, taken away before it: SQLite alters a table by building it anew,
which drops its triggers without a word, and fails while a trigger of another table names it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import IntegrityError, connections, models

ModelClass = type[models.Model]
_FIXED = "these rows are fixed"


@dataclass(frozen=True)
class Guard:
    """What a table refuses: a verb, on rows that meet the verb's SQL condition."""

    conditions: dict[str, str]

    @property
    def verbs(self) -> tuple[str, ...]:
        return tuple(self.conditions)


_GUARDS: dict[ModelClass, Guard] = {}

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table} WHEN {condition}
BEGIN SELECT RAISE(ABORT, '{table} refuses {VERB}: {fixed}'); END
"""
_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION {table}_refuse_{verb}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {condition} THEN
    RAISE EXCEPTION '{table} refuses {VERB}: {fixed}'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN {result};
END $$
"""
_POSTGRES_TRIGGER = """
CREATE OR REPLACE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table}
FOR EACH {scope} EXECUTE FUNCTION {table}_refuse_{verb}()
"""


def refuses_when(**conditions: str) -> Callable[[ModelClass], ModelClass]:
    """Class decorator: by verb (insert, update, delete), the SQL condition on which it is refused.

    A condition speaks of the row as NEW (insert, update) and OLD (update, delete).
    """
    guard = Guard({verb.upper(): condition for verb, condition in conditions.items()})

    def register(model: ModelClass) -> ModelClass:
        _GUARDS[model] = guard
        return model

    return register


def append_only(*, when: str = "1 = 1") -> Callable[[ModelClass], ModelClass]:
    """Class decorator: rows refuse UPDATE and DELETE, from when the OLD row meets ``when``."""
    return refuses_when(update=when, delete=when)


def frozen_when(condition: str, *, never: str = "1 = 0") -> Callable[[ModelClass], ModelClass]:
    """Class decorator: nothing comes, changes or goes while ``condition`` holds of ``{row}``, and
    no row of which ``never`` holds as NEW."""
    old, new = condition.format(row="OLD"), condition.format(row="NEW")
    come = f"({new}) OR ({never})"
    return refuses_when(insert=come, update=f"({old}) OR {come}", delete=old)


def guarded_models() -> dict[ModelClass, Guard]:
    """Every model whose rows the database guards, and how."""
    return dict(_GUARDS)


def is_refused_by_guard(error: IntegrityError) -> bool:
    """Whether a guard refused the rows, and not another constraint."""
    return _FIXED in str(error)


def install_triggers(*, app_config, using: str, **_signal) -> None:
    """Install the triggers of this app's guarded models; a post_migrate receiver."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for table, guard in _guarded_tables(app_config, connection):
            for statement in _statements(connection.vendor, table, guard):
                cursor.execute(statement)


def drop_triggers(*, app_config, using: str, **_signal) -> None:
    """Take this app's triggers away, on SQLite, while migrations run; a pre_migrate receiver."""
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        for table, guard in _guarded_tables(app_config, connection):
            for verb in guard.verbs:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb.lower()}")


def _guarded_tables(app_config, connection) -> list[tuple[str, Guard]]:
    """Those of this app's guarded tables that are there."""
    present = set(connection.introspection.table_names())
    return [
        (model._meta.db_table, guard)
        for model, guard in _GUARDS.items()
        if model._meta.app_config is app_config and model._meta.db_table in present
    ]


def _statements(vendor: str, table: str, guard: Guard) -> list[str]:
    statements = []
    for verb, condition in guard.conditions.items():
        names = {"table": table, "verb": verb.lower(), "VERB": verb, "fixed": _FIXED}
        if vendor == "sqlite":
            statements.append(f"DROP TRIGGER IF EXISTS {table}_no_{verb.lower()}")
            statements.append(_SQLITE.format(**names, condition=condition))
        else:
            result = "OLD" if verb == "DELETE" else "NEW"
            statements += _postgres(names, condition=condition, result=result, scope="ROW")
    if vendor == "postgresql":
        names = {"table": table, "verb": "truncate", "VERB": "TRUNCATE", "fixed": _FIXED}
        statements += _postgres(names, condition="TRUE", result="NULL", scope="STATEMENT")
    return statements


def _postgres(names: dict[str, str], *, condition: str, result: str, scope: str) -> list[str]:
    return [
        _POSTGRES_FUNCTION.format(**names, condition=condition, result=result),
        _POSTGRES_TRIGGER.format(**names, scope=scope),
    ]
