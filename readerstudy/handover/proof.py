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
from readerstudy.handover.archive import Reader, lines_of
from readerstudy.handover.incoming import LINE_LIMIT
from readerstudy.handover.problems import Refused

FILE = "records/audit.jsonl"


def require_chained(archive: Reader, *, named: bool) -> None:
    """Raise Refused, naming the first event that is not as it was chained.

    Without names an event's digest can't be computed; its number and links are checked still.
    """
    last: AuditEvent | None = None
    with archive.open(FILE) as file:
        for line in lines_of(file, limit=LINE_LIMIT):
            event, digest = _event(line)
            if last and event.number <= last.number:
                raise _broken(event, "it is out of order")
            if last and event.number == last.number + 1 and event.previous_sha256 != last.sha256:
                raise _broken(event, "it does not follow the one before it")
            if named and digest != event.sha256:
                raise _broken(event, "its content is not what its SHA-256 says")
            last = event


def _event(line: bytes) -> tuple[AuditEvent, str]:
    """An event, and the digest of what it says."""
    try:
        told: dict[str, Any] = json.loads(line)
        told["at"] = datetime.fromisoformat(told["at"])
        event = AuditEvent(**told)
        if not isinstance(event.number, int):
            raise TypeError("the number of an event is none")
        return event, digest_of(event)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Refused(f"{FILE}: a line of it is no audit event.") from None


def _broken(event: AuditEvent, why: str) -> Refused:
    return Refused(f"{FILE}, event {event.number}: {why}. The record was tampered with.")
