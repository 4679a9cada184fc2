"""Rows that the database itself refuses to change, whoever asks.

A model says so with ``@append_only()`` (no UPDATE, no DELETE) or ``@frozen_when(...)`` (no INSERT
either, while a condition holds). The triggers are (re)installed after every migration, because
SQLite alters a table by building it anew, which drops its triggers without a word.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connections, models

ModelClass = type[models.Model]


@dataclass(frozen=True)
class Guard:
    """What a table refuses: these verbs, on rows that meet an SQL condition.

    In the condition ``{row}`` stands for OLD or NEW, whichever the verb has; UPDATE has both,
    and either may meet it.
    """

    verbs: tuple[str, ...]
    condition: str

    def clause(self, verb: str) -> str:
        """The condition for one verb, as SQL."""
        rows = {"INSERT": ["NEW"], "DELETE": ["OLD"], "UPDATE": ["OLD", "NEW"]}[verb]
        if "{row}" not in self.condition:
            return self.condition
        return " OR ".join(f"({self.condition.format(row=row)})" for row in rows)


_GUARDS: dict[ModelClass, Guard] = {}

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table} WHEN {condition}
BEGIN SELECT RAISE(ABORT, '{table} refuses {VERB}: these rows are fixed'); END
"""
_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION {table}_refuse_{verb}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {condition} THEN
    RAISE EXCEPTION '{table} refuses {VERB}: these rows are fixed'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN {result};
END $$
"""
_POSTGRES_TRIGGER = """
CREATE OR REPLACE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table}
FOR EACH {scope} EXECUTE FUNCTION {table}_refuse_{verb}()
"""


def append_only(*, when: str = "1 = 1") -> Callable[[ModelClass], ModelClass]:
    """Class decorator: rows refuse UPDATE and DELETE, from when the OLD row meets ``when``."""
    return _register(Guard(("UPDATE", "DELETE"), when))


def frozen_when(condition: str) -> Callable[[ModelClass], ModelClass]:
    """Class decorator: INSERT, UPDATE and DELETE are refused while ``condition`` holds."""
    return _register(Guard(("INSERT", "UPDATE", "DELETE"), condition))


def _register(guard: Guard) -> Callable[[ModelClass], ModelClass]:
    def register(model: ModelClass) -> ModelClass:
        _GUARDS[model] = guard
        return model

    return register


def guarded_models() -> dict[ModelClass, Guard]:
    """Every model whose rows the database guards, and how."""
    return dict(_GUARDS)


def install_triggers(*, app_config, using: str, **_signal) -> None:
    """Install the triggers of this app's guarded models; a post_migrate receiver."""
    connection = connections[using]
    present = set(connection.introspection.table_names())
    for model, guard in _GUARDS.items():
        if model._meta.app_config is app_config and model._meta.db_table in present:
            with connection.cursor() as cursor:
                for statement in _statements(connection.vendor, model._meta.db_table, guard):
                    cursor.execute(statement)


def _statements(vendor: str, table: str, guard: Guard) -> list[str]:
    statements = []
    for verb in guard.verbs:
        names = {"table": table, "verb": verb.lower(), "VERB": verb}
        condition = guard.clause(verb)
        if vendor == "sqlite":
            statements.append(f"DROP TRIGGER IF EXISTS {table}_no_{verb.lower()}")
            statements.append(_SQLITE.format(**names, condition=condition))
        else:
            result = "OLD" if verb == "DELETE" else "NEW"
            statements += _postgres(names, condition=condition, result=result, scope="ROW")
    if vendor == "postgresql":
        names = {"table": table, "verb": "truncate", "VERB": "TRUNCATE"}
        statements += _postgres(names, condition="TRUE", result="NULL", scope="STATEMENT")
    return statements


def _postgres(names: dict[str, str], *, condition: str, result: str, scope: str) -> list[str]:
    return [
        _POSTGRES_FUNCTION.format(**names, condition=condition, result=result),
        _POSTGRES_TRIGGER.format(**names, scope=scope),
    ]
