"""The database as one file, and back: SQLite by its own backup, PostgreSQL by its client tools.

A dump is of one moment, whatever is written meanwhile; ``DumpState.rows`` asks that same moment.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from readerstudy.exchange.errors import ExchangeError
from readerstudy.exchange.read_snapshot import consistent_read

DUMPS = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}
TOOL_SETTINGS = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
                 "dbname": "PGDATABASE", "database": "PGDATABASE", "sslmode": "PGSSLMODE",
                 "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT",
                 "sslkey": "PGSSLKEY"}  # fmt: skip
LOCK_SECONDS = 20


@dataclass(frozen=True)
class DumpState:
    """A dump of the database, and a cursor that sees what the dump has."""

    dump: Path
    cursor: object

    def rows(self, sql: str) -> Iterator[tuple]:
        """The rows that a SELECT finds, as they come."""
        self.cursor.execute(sql)
        while found := self.cursor.fetchmany(2000):
            yield from found


def database_engine() -> str:
    """Which database this site has. Raises ExchangeError for one that can't be backed up."""
    if connection.vendor not in DUMPS:
        raise ExchangeError(f"A site on {connection.vendor} can't be backed up: use PostgreSQL.")
    return connection.vendor


@contextmanager
def dump_database(folder: Path) -> Iterator[DumpState]:
    """Dump this site's database into a new file in the folder. Raises ExchangeError."""
    dump = folder / DUMPS[database_engine()]
    with _sqlite_dump(dump) if database_engine() == "sqlite" else _postgres_dump(dump) as moment:
        yield moment


def restore_dump(dump: Path) -> None:
    """Put a dump in the place of this site's database: all of it, or nothing. Raises
    ExchangeError."""
    connection.close()
    if database_engine() == "sqlite":
        _restore_sqlite(dump)
    else:
        _restore_postgres(dump)


@contextmanager
def _sqlite_dump(dump: Path) -> Iterator[DumpState]:
    os.close(os.open(dump, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection.ensure_connection()
    with closing(sqlite3.connect(dump)) as copy:
        # All pages in one step: one read transaction, and in WAL nobody waits for a reader.
        connection.connection.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        require_sound(copy)
        with closing(copy.cursor()) as cursor:
            yield DumpState(dump, cursor)


def require_sound(database: sqlite3.Connection) -> None:
    """Raise ExchangeError for an SQLite database that is damaged."""
    try:
        [[verdict], *_more] = database.execute("PRAGMA integrity_check").fetchall()
        lost = database.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.DatabaseError as error:
        verdict, lost = str(error), []
    if verdict != "ok" or lost:
        reason = verdict if verdict != "ok" else f"{len(lost)} rows refer to missing rows"
        raise ExchangeError(f"The SQLite database is damaged: {reason}.")


@contextmanager
def _postgres_dump(dump: Path) -> Iterator[DumpState]:
    with consistent_read(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        [snapshot] = cursor.fetchone()
        _run(
            "pg_dump", "--format=custom", "--no-owner", "--no-privileges",
            f"--snapshot={snapshot}", f"--file={dump}",
        )  # fmt: skip
        dump.chmod(0o600)
        yield DumpState(dump, cursor)


def _restore_sqlite(dump: Path) -> None:
    with closing(sqlite3.connect(f"file:{dump}?mode=ro&immutable=1", uri=True)) as copy:
        require_sound(copy)
        target = connection.settings_dict["NAME"]
        with closing(sqlite3.connect(target, timeout=LOCK_SECONDS)) as here:
            try:
                copy.backup(here, pages=-1)  # one transaction
                here.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                raise ExchangeError(
                    f"The database is in use ({error}). Stop the site and its workers first."
                ) from error


def _restore_postgres(dump: Path) -> None:
    _run(
        "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
        "--clean", "--if-exists", f"--dbname={_settings()['PGDATABASE']}", str(dump),
        PGOPTIONS=f"-c lock_timeout={LOCK_SECONDS}s",
    )  # fmt: skip


def _run(tool: str, *arguments: str, **environment: str) -> None:
    """Run a client tool of PostgreSQL on this site's database. Raises ExchangeError with what it
    says."""
    path = shutil.which(tool)
    if path is None:
        raise ExchangeError(
            f"{tool} is not installed here, and PostgreSQL can't be backed up or restored without "
            "it: install PostgreSQL's client tools (Debian: apt-get install postgresql-client), "
            "of the server's version or a later one."
        )
    done = subprocess.run(  # noqa: S603 (our own arguments)
        [path, *arguments], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env=os.environ | _settings() | environment,
    )  # fmt: skip
    if done.returncode:
        message = done.stderr.strip()[-2000:]
        hint = " Stop the site and its workers first." if "lock timeout" in message else ""
        raise ExchangeError(f"{tool} failed, and nothing was changed.{hint} It says: {message}")


def _settings() -> dict[str, str]:
    """How the client tools reach the database; a password is in no command line."""
    given = connection.get_connection_params()
    return {TOOL_SETTINGS[name]: str(value) for name, value in given.items()
            if name in TOOL_SETTINGS and value}  # fmt: skip
