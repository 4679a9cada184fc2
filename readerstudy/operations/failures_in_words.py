"""Failures outside this software, in words: what stands in the way, and what to do."""

import errno
from collections.abc import Callable
from smtplib import SMTPException

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from environs import EnvError

from readerstudy.database_outages import outage


def in_words(error: Exception) -> str | None:
    """What stands in the way and what to do, of a failure outside this software; else None."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words(error)
    return None


def one_line(error: object) -> str:
    """An error's text without line breaks."""
    return " ".join(str(error).split())


def settings_in_words(error: Exception) -> str:
    where = " Correct it in the environment or in .env." if isinstance(error, EnvError) else ""
    return f"The site's settings are wrong. {one_line(error)}{where}"


def _of_database(error: Exception) -> str:
    if not outage(error) and _lacks_migrations():
        return "The database has not been migrated to this version. Run: manage.py migrate"
    text = one_line(error)
    if "disk is full" in text or "No space left" in text:
        return f"The database's disk is full ({text}). Free some space, then try again."
    if "locked" in text:
        return f"The database is in use ({text}). Try again when the other process has finished."
    return (
        f"The database reported an error: {text}. Check that it is running, that DATABASE_URL "
        "is correct, and that the site may write to it."
    )


def _lacks_migrations() -> bool:
    """Whether tables or columns of this version are missing; False where nobody can say."""
    try:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        return False


def _of_mail(error: Exception) -> str:
    return f"The e-mail could not be sent: {one_line(error)}. Check the EMAIL_ settings."


def _of_files(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    reason = error.strerror or one_line(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"The disk is full ({reason}{where}). Free some space, then try again."
    if error.filename is None and isinstance(error, ConnectionError):
        return (
            f"A service does not answer ({reason}). Check that it is running and that its "
            "address is correct."
        )
    return f"{reason}{where}. Check the path and its permissions."


_WORDS: list[tuple[type[Exception], Callable[[Exception], str]]] = [
    (ImproperlyConfigured, settings_in_words),
    (EnvError, settings_in_words),
    (DatabaseError, _of_database),
    (InterfaceError, _of_database),
    (SMTPException, _of_mail),
    (OSError, _of_files),
]
