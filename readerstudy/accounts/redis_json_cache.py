"""The shared cache in Redis, as JSON: see ``json_cache``.

A module of its own: the client of Redis is loaded only where a site uses it.
"""

import json
from typing import Any

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ResponseError

from readerstudy.accounts.json_cache import no_number

logger = structlog.get_logger(__name__)
_NOTHING = object()
# How Redis begins to say so.
_OF_ANOTHER_TYPE = ("WRONGTYPE", "value is not an integer", "increment or decrement would overflow")


class _JSONSerializer:
    """An integer is what Redis can count."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        """Raises ValueError."""
        try:
            return json.loads(data)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


class RedisJSONCache(RedisCache):
    """Django's cache in Redis, with values as JSON."""

    def __init__(self, server, params: dict[str, Any]):
        options = params.get("OPTIONS", {}) | {"serializer": _JSONSerializer}
        super().__init__(server, params | {"OPTIONS": options})

    # Django's own for all backends, by way of get().
    get_many = BaseCache.get_many
    has_key = BaseCache.has_key

    def get(self, key, default=None, version=None):
        try:
            return super().get(key, default, version=version)
        except ValueError:
            pass
        except ResponseError as error:
            _require_of_another_type(error)
        logger.warning("a value in the shared cache is not valid JSON")
        return default

    def add(self, key, value, timeout=DEFAULT_TIMEOUT, version=None) -> bool:
        if super().add(key, value, timeout, version=version):
            return True
        if self.get(key, _NOTHING, version=version) is not _NOTHING:
            return False
        self.delete(key, version=version)
        return super().add(key, value, timeout, version=version)

    def incr(self, key, delta=1, version=None) -> int:
        try:
            return super().incr(key, delta, version=version)
        except ResponseError as error:
            _require_of_another_type(error)
            raise no_number(key) from None


def _require_of_another_type(error: ResponseError) -> None:
    if not str(error).startswith(_OF_ANOTHER_TYPE):
        raise error
