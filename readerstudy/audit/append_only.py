"""Tables in which the database itself refuses UPDATE and DELETE.

A model says so with ``@append_only()``. The triggers are (re)installed after every migration,
because SQLite alters a table by building it anew, which drops its triggers without a word.
"""

from collections.abc import Callable

from django.db import connections, models

_CONDITIONS: dict[type[models.Model], str] = {}

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table} {when}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: {VERB} refused'); END
"""
_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
_POSTGRES = """
CREATE OR REPLACE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table}
FOR EACH {scope} {when} EXECUTE FUNCTION refuse_change()
"""


def append_only(*, when: str = "") -> Callable[[type[models.Model]], type[models.Model]]:
    """Class decorator: rows of this model refuse UPDATE and DELETE from then on.

    ``when`` is an SQL condition on the OLD row (no subquery) that narrows this to some rows.
    """

    def register(model: type[models.Model]) -> type[models.Model]:
        _CONDITIONS[model] = when
        return model

    return register


def guarded_models() -> list[type[models.Model]]:
    """Every model that was declared append-only."""
    return list(_CONDITIONS)


def install_triggers(*, app_config, using: str, **_signal) -> None:
    """Install the triggers of this app's append-only models; a post_migrate receiver."""
    connection = connections[using]
    present = set(connection.introspection.table_names())
    for model, when in _CONDITIONS.items():
        if model._meta.app_config is app_config and model._meta.db_table in present:
            with connection.cursor() as cursor:
                for statement in _statements(connection.vendor, model._meta.db_table, when):
                    cursor.execute(statement)


def _statements(vendor: str, table: str, when: str) -> list[str]:
    clause = f"WHEN ({when})" if when else ""
    verbs = ("UPDATE", "DELETE")
    if vendor == "sqlite":
        return [
            statement
            for verb in verbs
            for statement in (
                f"DROP TRIGGER IF EXISTS {table}_no_{verb.lower()}",
                _SQLITE.format(table=table, verb=verb.lower(), VERB=verb, when=clause),
            )
        ]
    rows = [
        _POSTGRES.format(table=table, verb=v.lower(), VERB=v, scope="ROW", when=clause)
        for v in verbs
    ]
    whole = _POSTGRES.format(
        table=table, verb="truncate", VERB="TRUNCATE", scope="STATEMENT", when=""
    )
    return [_POSTGRES_FUNCTION, *rows, whole]
