"""How many passwords a process hashes at once: few, so that it has threads left for its readers.

A hash takes half a second of a processor, on purpose, and anybody may send a password. Whoever
comes while as many are at work is refused at once: one who waited would hold a thread. People who
are known here (signed in, with a browser or from an address of their own, with a link from a mail)
have turns apart, so that strangers can't use theirs up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from readerstudy.database_outages import Outage

STRANGERS, KNOWN = 1, 2  # at once in a process
BUSY = Outage(
    "ManySignIns",
    _("Too many people are signing in"),
    _(
        "Too many people are signing in at the moment. Your request was not processed. Go back "
        "and try again in a moment."
    ),
    retry_after=3,
)
_has_turn: ContextVar[bool] = ContextVar("has_turn", default=False)


class Busy(Exception):
    """No password is hashed for this person now."""


class _Turns:
    """So many at once, counted among the threads of this process."""

    def __init__(self, most: int):
        self._most = most
        self._taken = 0
        self._lock = Lock()

    def take(self) -> bool:
        with self._lock:
            if self._taken >= self._most * settings.RATE_LIMIT_FACTOR:
                return False
            self._taken += 1
            return True

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1


_of_strangers, _of_known = _Turns(STRANGERS), _Turns(KNOWN)


@contextmanager
def hashing_turn(*, known: bool) -> Iterator[None]:
    """In this block passwords may be hashed, one after the other. Raises Busy if all turns are
    taken; within another turn it needs none."""
    if _has_turn.get():
        yield
        return
    turns = next((each for each in _open_to(known) if each.take()), None)
    if turns is None:
        raise Busy
    token = _has_turn.set(True)
    try:
        yield
    finally:
        _has_turn.reset(token)
        turns.give_back()


def _open_to(known: bool) -> tuple[_Turns, ...]:
    return (_of_known, _of_strangers) if known else (_of_strangers,)
