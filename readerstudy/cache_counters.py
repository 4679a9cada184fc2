"""Counters in the cache that all server processes share."""

from django.core.cache import cache


def count_up(key: str, *, timeout: int) -> int:
    """One more under this key, counted from when the key is new. Returns the number.

    What lies there and is no number was not counted here: the count begins anew.
    """
    cache.add(key, 0, timeout=timeout)
    try:
        return cache.incr(key)
    except ValueError:
        cache.set(key, 1, timeout=timeout)
        return 1


def take_all(key: str) -> int:
    """What was counted under this key, which of several takers one gets."""
    number = cache.get(key, 0)
    if type(number) is not int or number <= 0:
        return 0
    try:
        if cache.decr(key, number) >= 0:
            return number
        cache.incr(key, number)  # another took it meanwhile
    except ValueError:  # the count is over
        pass
    return 0
