"""One text for one document: JSON whose bytes depend on its content alone.

Keys are sorted, floats are Python's shortest text that reads back as the same double, and what
JSON does not have (NaN, infinity, arrays, dates) is refused rather than rendered.
"""

import hashlib
import json
from typing import Any


def to_json(document: Any, *, indent: int | None = None) -> str:
    """Canonical JSON; with ``indent`` for people to read.

    Raises ValueError for NaN and infinity, TypeError for whatever JSON does not have.
    """
    separators = (",", ":") if indent is None else None
    return json.dumps(
        document,
        sort_keys=True,
        indent=indent,
        separators=separators,
        ensure_ascii=False,
        allow_nan=False,
    )


def sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
