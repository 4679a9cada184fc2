"""The goldens on disk: read, and compared number by number."""

import gzip
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KEPT = Path(__file__).parent / "kept"
DIGITS = 10  # significant ones in which two processors agree


def read(name: str) -> Any:
    """A kept JSON document, compressed or not."""
    content = (KEPT / name).read_bytes()
    return json.loads(gzip.decompress(content) if name.endswith(".gz") else content)


def differences(kept: Any, found: Any, path: str = "") -> Iterator[str]:
    """Where two documents differ, in words."""
    if isinstance(kept, dict) and isinstance(found, dict):
        for key in sorted(kept.keys() | found.keys()):
            if key not in kept or key not in found:
                yield f"{path}/{key} is only in the {'new' if key in found else 'kept'} one"
            else:
                yield from differences(kept[key], found[key], f"{path}/{key}")
    elif isinstance(kept, list) and isinstance(found, list) and len(kept) == len(found):
        for number, pair in enumerate(zip(kept, found, strict=True)):
            yield from differences(*pair, f"{path}/{number}")
    elif not _same(kept, found):
        yield f"{path}: {kept!r} was kept, and now it is {found!r}"


def _same(kept: Any, found: Any) -> bool:
    if isinstance(kept, float) and isinstance(found, float):
        return math.isclose(kept, found, rel_tol=10.0**-DIGITS, abs_tol=1e-12)
    return type(kept) is type(found) and kept == found
