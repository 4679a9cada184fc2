"""One text for one content, whatever database it comes back from.

The digest of an event or a row must be the same when it is written and when it is read again:
PostgreSQL sorts the keys of JSON anew and writes 1e16 in full, and times come back in UTC.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from django.db import models

Plain = dict[str, Any] | list[Any] | str | int | float | bool | None


def to_plain(value: Any) -> Plain:
    """A value as JSON holds it and as both databases give it back.

    Whole floats become integers, times are in UTC to the microsecond, and what has no form in
    JSON (a UUID, a path, a label that is still to be translated) becomes its text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {storable_text(key): to_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(inner) for inner in value]
    return _scalar(value)


def storable_text(value: Any) -> str:
    """Text that every database stores: without a NUL and without half a character."""
    text = str(value)
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\\0").encode("utf-8", "replace").decode()


def to_address(value: str) -> str:
    """An IP address in the one form that is the same in every version of every library."""
    return ip_address(value).exploded


def canonical_json(value: Any) -> str:
    """The one JSON text of a value."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical text, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def row_content(row: models.Model, columns: Iterable[str]) -> dict[str, Plain]:
    """These columns of a row by name; the same for a row just made and one read back."""
    fields = {field.attname: field for field in row._meta.concrete_fields}
    return {name: to_plain(fields[name].to_python(getattr(row, name))) for name in columns}


def row_digest(row: models.Model, columns: Iterable[str]) -> str:
    """SHA-256 of these columns of a row."""
    return digest(row_content(row, columns))


def _scalar(value: Any) -> str | int | float:
    match value:
        case int():
            return int(value)
        case float():
            whole = math.isfinite(value) and value.is_integer()
            return int(value) if whole else value if math.isfinite(value) else str(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case bytes() | memoryview():
            return hashlib.sha256(value).hexdigest()
        case _:
            return storable_text(value)
