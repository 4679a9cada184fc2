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
    *family, member = name
    return once_of_many(reader, *family, member=member, ask=lambda: {member: ask()})


def once_of_many(
    reader: Reader, *family: object, member: object, ask: Callable[[], dict[object, T]]
) -> T:
    """As ``once``, of one of many things; the others that ``ask`` answers are remembered too."""
    sha256 = reader.study.protocol.frozen_sha256
    if not sha256:
        return ask()[member]
    names = ":".join(map(str, (sha256, *family, "")))
    known = caches["frozen"].get(f"{names}{member}")
    if known is None:
        answers = ask()
        caches["frozen"].set_many({f"{names}{each}": told for each, told in answers.items()})
        known = answers[member]
    return known
