"""The shared cache, as JSON: whoever can write a value into it can make no process run code.

Django's own backends for a database and for Redis unpickle what they read, and a pickle runs code.
``DatabaseJSONCache`` keeps its values in the table of ``SharedCache``, ``RedisJSONCache`` in Redis
(``redis_json_cache``). In both, a value that is not JSON was not written by the site: it counts as
none, and gives way.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

logger = structlog.get_logger(__name__)
SECONDS_BETWEEN_PURGES = 60
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_NOTHING = object()


def no_number(key: str) -> ValueError:
    return ValueError(f"The cache has no number under {key!r}.")


class DatabaseJSONCache(BaseCache):
    """A cache in the table of ``SharedCache``. ``add`` and ``incr`` are atomic among processes.

    Only what has expired is ever removed by itself: were live counters of failed attempts culled
    to make room, a flood of names would wipe them out.
    """

    def __init__(self, _location: str, params: dict[str, Any]):
        super().__init__(params)
        self._purge_at = 0.0

    def get(self, key, default=None, version=None):
        row = self._live(self._key(key, version)).first()
        return default if row is None else _value(row.value, default)

    def set(self, key, value, timeout=DEFAULT_TIMEOUT, version=None) -> None:
        self._purge()
        held = {"value": json.dumps(value), "expires": self._expires(timeout)}
        _rows().update_or_create(cache_key=self._key(key, version), defaults=held)

    def add(self, key, value, timeout=DEFAULT_TIMEOUT, version=None) -> bool:
        self._purge()
        made = self._key(key, version)
        held = {"value": json.dumps(value), "expires": self._expires(timeout)}
        with transaction.atomic():
            # Of two processes only one finds the expired row to remove, and only one can insert.
            _rows().filter(cache_key=made, expires__lte=timezone.now()).delete()
            row, is_new = _rows().get_or_create(cache_key=made, defaults=held)
            if not is_new and _value(row.value, _NOTHING) is _NOTHING:
                return bool(_rows().filter(cache_key=made, value=row.value).update(**held))
        return is_new

    def incr(self, key, delta=1, version=None) -> int:
        with transaction.atomic():
            row = self._live(self._key(key, version)).select_for_update().first()
            value = None if row is None else _value(row.value, None)
            if type(value) is not int:
                raise no_number(key)
            row.value = json.dumps(value + delta)
            row.save(update_fields=["value"])
        return value + delta

    def touch(self, key, timeout=DEFAULT_TIMEOUT, version=None) -> bool:
        live = self._live(self._key(key, version))
        return bool(live.update(expires=self._expires(timeout)))

    def delete(self, key, version=None) -> bool:
        deleted, _by_model = self._live(self._key(key, version)).delete()
        return bool(deleted)

    def clear(self) -> None:
        _rows().all().delete()

    def _key(self, key, version) -> str:
        return self.make_and_validate_key(key, version=version)

    def _live(self, key: str) -> QuerySet:
        return _rows().filter(cache_key=key, expires__gt=timezone.now())

    def _expires(self, timeout) -> datetime:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return _FOREVER if seconds is None else timezone.now() + timedelta(seconds=seconds)

    def _purge(self) -> None:
        """Remove what has expired, now and then."""
        if time.monotonic() >= self._purge_at:
            self._purge_at = time.monotonic() + SECONDS_BETWEEN_PURGES
            _rows().filter(expires__lte=timezone.now()).delete()


def _rows():
    # Settings name this module, and are read before there are models.
    from readerstudy.accounts.models import SharedCache

    return SharedCache.objects


def _value(text: str, default: Any) -> Any:
    """What a row holds; one that is no JSON was not written here and holds nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        logger.warning("a value in the shared cache is not valid JSON")
        return default
