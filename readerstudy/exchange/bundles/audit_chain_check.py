"""That a bundle's audit events are as the origin chained them (``audit/chain.py``).

Between two events of a study there may be others of the site, which the bundle does not tell: of
two that follow each other the link is checked, and of each its own digest, where it is told in
full. The seal can be checked only where the origin's key is.
"""

import json
from datetime import datetime
from typing import Any

from readerstudy.audit.chain import digest_of
from readerstudy.audit.models import AuditEvent
from readerstudy.exchange.bundles.archive import BundleReader, lines_of
from readerstudy.exchange.bundles.read_bundle import LINE_LIMIT
from readerstudy.exchange.errors import ExchangeError

FILE = "records/audit.jsonl"


def require_chained(archive: BundleReader, *, named: bool) -> None:
    """Raise ExchangeError, naming the first event that is not as it was chained.

    Without names an event's digest can't be computed; its number and links are checked still.
    """
    last: AuditEvent | None = None
    with archive.open(FILE) as file:
        for line in lines_of(file, limit=LINE_LIMIT):
            event, digest = _event(line)
            if last and event.number <= last.number:
                raise _broken(event, "it is out of order")
            if last and event.number == last.number + 1 and event.previous_sha256 != last.sha256:
                raise _broken(event, "it does not follow the event before it")
            if named and digest != event.sha256:
                raise _broken(event, "its content does not match its SHA-256")
            last = event


def _event(line: bytes) -> tuple[AuditEvent, str]:
    """An event, and the digest of what it says."""
    try:
        fields: dict[str, Any] = json.loads(line)
        fields["at"] = datetime.fromisoformat(fields["at"])
        event = AuditEvent(**fields)
        if not isinstance(event.number, int):
            raise TypeError("an event has no valid number")
        return event, digest_of(event)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ExchangeError(f"{FILE}: a line is not an audit event.") from None


def _broken(event: AuditEvent, why: str) -> ExchangeError:
    return ExchangeError(f"{FILE}, event {event.number}: {why}. The record was tampered with.")
