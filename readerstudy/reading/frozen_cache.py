"""What can't change once a study is open: asked of the database once in each server process.

The hash of the frozen protocol names it, which covers the moment of opening, the cases' images and
the orders: no other study, nor the same one opened again, has the same.
"""

from collections.abc import Callable
from typing import TypeVar

from django.core.cache import caches

from readerstudy.accounts.models import User
from readerstudy.reading.models import Reader
from readerstudy.studies.models import Study

T = TypeVar("T")


def reader_of(study: Study, user: User, *, sha256: str) -> Reader | None:
    """This user as a reader of the study whose frozen protocol has this hash; None if none.

    The protocol comes without its document, which names every case.
    """

    def ask() -> dict[int, Reader | None]:
        readers = Reader.objects.select_related("study__protocol").order_by()
        readers = readers.defer("study__protocol__frozen_document")
        return {user.pk: readers.filter(study=study, user=user).first()}

    reader = _cached(sha256, "reader", user.pk, ask=ask)
    if reader:
        study.protocol = reader.study.protocol
        reader.study = study  # as it is now: its state is not fixed
    return reader


def cached(reader: Reader, *name: object, ask: Callable[[], T]) -> T:
    """What ``ask`` answers, which is remembered under this name; asked anew before the freeze."""
    *family, member = name
    return cached_member(reader, *family, member=member, ask=lambda: {member: ask()})


def cached_member(
    reader: Reader, *family: object, member: object, ask: Callable[[], dict[object, T]]
) -> T:
    """As ``cached``, of one of many things; the others that ``ask`` answers are remembered too."""
    sha256 = reader.study.protocol.frozen_sha256
    return _cached(sha256, *family, member, ask=ask) if sha256 else ask()[member]


def cached_once_locked(study: Study, name: str, *, ask: Callable[[], T]) -> T:
    """What ``ask`` answers of a study's readings. A locked study takes no more: asked once."""
    if study.locked_at is None:
        return ask()
    key = f"{name}-{study.pk}-{study.locked_at:%Y%m%dT%H%M%S%f}"
    return caches["process"].get_or_set(key, ask, timeout=None)


def _cached(sha256: str, *name: object, ask: Callable[[], dict[object, T]]) -> T:
    *family, member = map(str, (sha256, *name))
    known = caches["frozen"].get(":".join((*family, member)))
    if known is None:
        answers = {str(each): answer for each, answer in ask().items()}
        caches["frozen"].set_many(
            {":".join((*family, name)): each for name, each in answers.items()}
        )
        known = answers[member]
    return known
