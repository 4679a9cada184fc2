"""The last event, noted outside the database: who cuts off the end of the log can't cut it here.

A file (``settings.AUDIT_HEAD``) of one line, ``NUMBER:SHA-256``, written once an event is
committed. It goes forward only. Whoever can write to the database *and* to this file could still
cut both: a head on paper, or in the log lines that go to another machine, finds that too.
"""

import fcntl
import logging
import os
import re

from django.conf import settings

LINE = re.compile(r"0*(\d{1,19}):([0-9a-f]{64})\s*\Z")
logger = logging.getLogger("readerstudy.audit")


class MalformedHead(ValueError):
    """Not NUMBER:SHA-256."""


def write_head(number: int, sha256: str) -> None:
    """Note an event that was committed, unless a later one is noted already."""
    logger.info("audit event", extra={"number": number, "sha256": sha256})
    descriptor = os.open(settings.AUDIT_HEAD, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        written = file.read()
        if not written or number > parse_head(written.decode("ascii", "replace"))[0]:
            os.pwrite(descriptor, f"{number:019d}:{sha256}\n".encode(), 0)


def read_head() -> tuple[int, str] | None:
    """The noted event; None where none was ever noted. Raises MalformedHead for a damaged file."""
    try:
        return parse_head(settings.AUDIT_HEAD.read_text("ascii", "replace"))
    except FileNotFoundError:
        return None


def parse_head(line: str) -> tuple[int, str]:
    """The number and the digest of ``NUMBER:SHA-256``. Raises MalformedHead."""
    found = LINE.match(line)
    if found is None:
        raise MalformedHead(f"{line.strip()[:100]!r} is not in the form NUMBER:SHA-256")
    return int(found[1]), found[2]
