"""When the database can't be used for now: by which error that is known, and what is said of it.

Only what passes without a change of the program is an outage. A wrong query is a failure of ours.
"""

import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from django.db import DatabaseError, Error, InterfaceError, OperationalError, connection
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

log = logging.getLogger(__name__)
SECONDS_BETWEEN_ATTEMPTS = 2
PATIENCE_SECONDS = 15 * 60


@dataclass(frozen=True)
class Outage:
    """What is wrong, for whoever waits; ``name`` is the API's word for it."""

    name: str
    title: str | Promise
    text: str | Promise
    retry_after: int
    """Seconds after which to try again."""

    @property
    def log_text(self) -> str:
        """The title for the log, which has one language whoever's request it is."""
        with translation.override("en"):
            return str(self.title)


UNREACHABLE = Outage(
    "DatabaseUnreachable",
    _("The database is unavailable"),
    _(
        "The database is unavailable; it may be restarting. Everything stored so far is "
        "safe. A diagnosis kept in this browser stays there and is sent once the database is "
        "back."
    ),
    retry_after=5,
)
BUSY = Outage(
    "DatabaseBusy",
    _("The database is busy"),
    _(
        "The database is busy with other work. Everything stored so far is safe. A diagnosis "
        "kept in this browser stays there and is sent once the database is free."
    ),
    retry_after=5,
)
DISK_FULL = Outage(
    "DiskFull",
    _("The disk is full"),
    _(
        "The disk is full. Nothing can be stored until the site's admin frees some space. "
        "Everything stored so far is safe. A diagnosis kept in this browser stays there and is "
        "sent then."
    ),
    retry_after=30,
)

# Primary result codes; of an extended code, the lowest byte.
_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_IOERR: UNREACHABLE,
    sqlite3.SQLITE_CANTOPEN: UNREACHABLE,
}
# SQLSTATE, or its first two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html
_OF_POSTGRES = {
    "08": UNREACHABLE,  # connection exception
    "40": BUSY,  # transaction rollback: a deadlock
    "53": BUSY,  # insufficient resources: too many connections, out of memory
    "53100": DISK_FULL,
    "55P03": BUSY,  # lock not available
    "57": UNREACHABLE,  # operator intervention: it shuts down, crashed, or starts
    "57014": BUSY,  # query canceled
    "58": UNREACHABLE,  # system error
}
_FULL = {errno.ENOSPC, errno.EDQUOT}


def outage(error: BaseException | None) -> Outage | None:
    """The outage that an error says of; None where it is none."""
    if isinstance(error, OSError):
        return DISK_FULL if error.errno in _FULL else None
    if not isinstance(error, Error):
        return None
    cause = error.__cause__ or error
    if isinstance(cause, sqlite3.Error):
        return _OF_SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    state = getattr(cause, "pgcode", None)
    if state:
        return _OF_POSTGRES.get(state) or _OF_POSTGRES.get(state[:2])
    # Without a state the server said nothing any more: the line was cut, or there is none.
    is_cut = isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
    return UNREACHABLE if is_cut else None


def wait_for_database() -> None:
    """Return once the database answers. Raises its error when that takes too long."""
    given_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection.close()
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return
        except Error as error:
            if not outage(error) or time.monotonic() > given_up:
                raise
        time.sleep(SECONDS_BETWEEN_ATTEMPTS)


def outlasts_outages(work: Callable[..., None]) -> Callable[..., None]:
    """Decorator, for work that takes up what it finds undone: begin it again after an outage of the
    database. A full disk ends it: that takes somebody to make room."""

    @wraps(work)
    def outlasting(*arguments, **options) -> None:
        while True:
            try:
                return work(*arguments, **options)
            except Error as error:
                if outage(error) in (None, DISK_FULL):
                    raise
                log.warning("%s; waiting for it", outage(error).log_text)
            wait_for_database()

    return outlasting


def skipped_in_outages(work: Callable[..., None]) -> Callable[..., None]:
    """Decorator, for work that is sent for again as long as there is some to do: during an outage
    of the database it is left, with one line in the log."""

    @wraps(work)
    def skipping(*arguments, **options) -> None:
        try:
            return work(*arguments, **options)
        except Error as error:
            if not (found := outage(error)):
                raise
            name = f"{work.__module__}.{work.__qualname__}"
            log.warning("%s; %s is left for later", found.log_text, name)

    return skipping
