"""What can't change once a study is open: asked of the database once in each server process.

The hash of the frozen protocol names it, which covers the moment of opening, the cases' images and
the orders: no other study, nor the same one opened again, has the same.
"""

from collections.abc import Callable
from typing import TypeVar

from django.core.cache import caches

from readerstudy.reading.models import Reader

T = TypeVar("T")


def once(reader: Reader, *name: object, ask: Callable[[], T]) -> T:
    """What ``ask`` answers, which is remembered under this name; asked anew before the freeze."""
    sha256 = reader.study.protocol.frozen_sha256
    if not sha256:
        return ask()
    return caches["frozen"].get_or_set(":".join(map(str, (sha256, *name))), ask)
