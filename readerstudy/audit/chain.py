"""The chain: each event holds the digest of its content and of the event before it.

Who writes waits for whoever writes already, from the read of the last event to the end of the
transaction, so the chain can't fork: on PostgreSQL by an advisory lock, on SQLite because every
transaction holds the one write lock (``transaction_mode=IMMEDIATE``). Numbers are given here and
not by a sequence: what is rolled back leaves no gap.

A digest needs no secret: whoever can write to the database could change an event and chain all
that follow anew. The seal is what they can't make: an HMAC by a key that is kept elsewhere.
What neither shows, the removal of the last events, is ``chain_head_file.py``'s.
"""

import hashlib
import hmac
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from readerstudy.audit import canonical, chain_head_file
from readerstudy.audit.models import AuditEvent

LOCK = 0x61756469  # any number that no other advisory lock of this database has
_HEAD = "SELECT number, sha256 FROM audit_auditevent ORDER BY number DESC LIMIT 1"


def append(event: AuditEvent) -> AuditEvent:
    """Number, chain, seal and store an event, at the end of the transaction under way if any.

    Record last: from here until that transaction ends, every other writer of the log waits.
    """
    with transaction.atomic(savepoint=False):
        number, previous = _hold_last()
        event.at = timezone.now()
        event.number = number + 1
        event.previous_sha256 = previous
        event.sha256 = digest_of(event)
        event.seal = seal_of(event.sha256, key=settings.AUDIT_KEYS[0])
        event.save(force_insert=True)
        kept = partial(chain_head_file.write_head, event.number, event.sha256)
        transaction.on_commit(kept, robust=True)
    return event


def digest_of(event: AuditEvent) -> str:
    """SHA-256 of all that an event says, its number and the digest before it included."""
    return canonical.digest(
        {
            "number": event.number,
            "at": event.at,
            "actor": event.actor,
            "action": event.action,
            "outcome": event.outcome,
            "study": event.study,
            "target": event.target,
            "detail": event.detail,
            "address": event.address and canonical.to_address(event.address),
            "previous": event.previous_sha256,
        }
    )


def seal_of(sha256: str, *, key: str) -> str:
    """The name of the key and its HMAC-SHA-256 of a digest: ``name:hmac``."""
    return f"{key_name(key)}:{hmac.new(key.encode(), sha256.encode(), hashlib.sha256).hexdigest()}"


def key_name(key: str) -> str:
    """What tells one key from another and nothing more."""
    return hashlib.sha256(b"readerstudy audit key " + key.encode()).hexdigest()[:8]


def is_sealed(event: AuditEvent) -> bool:
    """Whether the seal is of this event's digest, by a key that is here."""
    seals = [seal_of(event.sha256, key=key) for key in settings.AUDIT_KEYS]
    return any(hmac.compare_digest(event.seal.encode(), seal.encode()) for seal in seals)


def last_event() -> tuple[int, str]:
    """The number and digest of the last event; (0, "") while there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_HEAD)
        return cursor.fetchone() or (0, "")


def _hold_last() -> tuple[int, str]:
    """The last event, which stays the last until this transaction appends another or ends.

    Two statements: one that waits would still see what was there before the wait.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    return last_event()
