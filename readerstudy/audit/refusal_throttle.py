"""Which refused requests are events of their own: the first ones, then one a minute.

Each event holds up every other writer of the log, and whoever is signed in can be refused as often
as they like. What is not written singly is counted, and the next event says how many they were.
"""

import time

import structlog
from django.core.cache import cache

from readerstudy.audit import canonical
from readerstudy.cache_counters import count_up, take_all

logger = structlog.get_logger("readerstudy.audit.refusals")
SINGLY = 20  # of one person and kind of action in an hour
MINUTE, HOUR, MONTH = 60, 3600, 30 * 24 * 3600


def to_write(who: str, action: str) -> int | None:
    """None if this refusal is only counted; else how many were, since the last event of them."""
    key = f"refusals:{canonical.digest([who, action])[:32]}"
    try:
        if _is_counted_only(key):
            count_up(f"{key}:unwritten", timeout=MONTH)
            return None
        return take_all(f"{key}:unwritten")
    except _unreachable():  # what can't be counted is written
        logger.warning("refusals can't be counted: the cache is not reachable", exc_info=True)
        return 0


def _unreachable() -> type[Exception]:
    # Loaded once something has failed: most processes never need Redis's client.
    from redis.exceptions import RedisError

    return RedisError


def _is_counted_only(key: str) -> bool:
    if cache.get(f"{key}:quiet"):
        return True
    hour = int(time.time() // HOUR)
    if count_up(f"{key}:{hour}", timeout=2 * HOUR) <= SINGLY:
        return False
    return not cache.add(f"{key}:quiet", 1, timeout=MINUTE)
