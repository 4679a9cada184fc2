"""Wrong passwords and codes are counted, so that guessing is slow and nobody is shut out by others.

An attempt at an account is counted with those from the same source: the session that is signed in
to it, a browser that its person has signed in with before (``known_browsers.py``), or an address.
After some wrong ones the next is looked at only after a wait, which doubles each time. So strangers
wait for themselves, and not the person at another address or with a browser of their own.

What all strangers together may try at one account in a day, and one address in a minute, is
bounded as well; neither bound is for browsers that are known. An attempt counts from before it is
looked at until it was right: many at once are no more attempts than these.
"""

import hashlib
import time
from contextlib import suppress
from ipaddress import IPv6Network, ip_address

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from readerstudy.accounts import known_browsers
from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.cache_counters import count_up

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
FREE = 5  # wrong attempts before the first wait
FIRST_WAIT, LONGEST_WAIT = 30, HOUR
STRANGERS_A_DAY = 500  # at one account, from all addresses that it was not signed in to from
STRANGERS_A_MINUTE = 60  # from one address, at all accounts
ADDRESS_KNOWN = 90 * DAY
MAILS_AN_HOUR, MAILS_A_DAY = 3, 10  # to one mailbox, whoever asks
MAILS_OF_ONE_SOURCE = 5  # an hour, to a person who is known
MAILS_A_MINUTE = 20  # from one address, to all mailboxes
IPV6_NETWORK = 64  # what one subscriber has


class TooMany(Exception):
    """No password, code or wish for a mail is looked at now."""


class Attempt:
    """What one attempt was counted under, until it is found to be right."""

    def __init__(self):
        self._counts: list[str] = []
        self._wait = ""

    def count(self, what: str, *, seconds: int, most: int) -> None:
        """Count under this name in the present minute, hour or day; TooMany if there were so many
        before."""
        if self._next(what, seconds) > most * settings.RATE_LIMIT_FACTOR:
            raise TooMany

    def wait_in_turn(self, what: str) -> None:
        """Count under this name in the present day; TooMany if the last attempt is too near."""
        number = self._next(what, DAY)
        free = FREE * settings.RATE_LIMIT_FACTOR
        if number >= free:
            seconds = min(FIRST_WAIT * 2 ** (number - free), LONGEST_WAIT)
            if not cache.add(f"throttle:wait:{what}", 1, timeout=seconds):
                raise TooMany
            self._wait = f"throttle:wait:{what}"

    def was_right(self) -> None:
        """Take it back: it counts no more."""
        for key in self._counts:
            with suppress(ValueError):  # the count is over, or the cache was emptied
                cache.decr(key)
        if self._wait:
            cache.delete(self._wait)

    def _next(self, what: str, seconds: int) -> int:
        key = f"throttle:{what}:{int(time.time() // seconds)}"
        number = count_up(key, timeout=2 * seconds)
        self._counts.append(key)
        return number


def begin_attempt(request: HttpRequest, what: str, *, user: User | None, name: str = "") -> Attempt:
    """Before a password or code (``what``) is looked at; TooMany if it may not be.

    ``name`` is what was typed where it is no user's: names that nobody has are answered alike.
    """
    person = str(user.pk) if user else _digest(name)
    source = user and _own_source(request, user)
    made = Attempt()
    try:
        if not source:
            source = f"address:{client_address(request)}"
            made.count(f"strangers:{source}", seconds=MINUTE, most=STRANGERS_A_MINUTE)
            if not cache.get(_from(person, source)):
                made.count(f"{what}:{person}", seconds=DAY, most=STRANGERS_A_DAY)
        made.wait_in_turn(f"{what}:{person}:{source}")
    except TooMany:
        made.was_right()  # it was not looked at
        raise
    return made


def is_known(request: HttpRequest, user: User | None) -> bool:
    """Whether this is a person's own session or browser, or an address that they signed in from."""
    if user is None:
        return False
    from_address = _from(user.pk, f"address:{client_address(request)}")
    return bool(_own_source(request, user) or cache.get(from_address))


def note_sign_in(request: HttpRequest, user: User) -> None:
    """From this address this person is no stranger for a while, and with this browser none."""
    cache.set(_from(user.pk, f"address:{client_address(request)}"), 1, timeout=ADDRESS_KNOWN)
    known_browsers.remember_browser(request, user)


def count_mail(request: HttpRequest, email: str, people: list[User]) -> bool:
    """Whether one more link may go to this mailbox of these people, who forgot their password.

    What is asked for from known browsers is counted apart, so that nobody uses it up. TooMany if
    the address asks for too many, whosever.
    """
    sources = [_own_source(request, user) for user in people]
    made = Attempt()
    if known := next(filter(None, sources), None):
        limits = [(f"mail:{known}", HOUR, MAILS_OF_ONE_SOURCE)]
    else:
        made.count(f"mails:{client_address(request)}", seconds=MINUTE, most=MAILS_A_MINUTE)
        box = _digest(email)
        limits = [(f"mail:{box}", HOUR, MAILS_AN_HOUR), (f"mail:{box}:day", DAY, MAILS_A_DAY)]
    try:
        for what, seconds, most in limits:
            made.count(what, seconds=seconds, most=most)
    except TooMany:
        return False
    return True


def record_refusal(request: HttpRequest) -> None:
    """A refusal goes to the audit log, one a minute and address: a flood must not fill it."""
    if cache.add(f"throttle:recorded:{client_address(request)}", 1, timeout=MINUTE):
        record("account.rate_limited", request=request, target=request.path, refused=True,
               unthrottled=True)  # fmt: skip


def client_address(request: HttpRequest) -> str:
    """Whence a request comes; of IPv6 the network, in which one person has all addresses."""
    try:
        sender = ip_address(request.META.get("REMOTE_ADDR") or "")
    except ValueError:
        return "local"  # a socket has none
    if sender.version == 6 and sender.ipv4_mapped is None:
        return str(IPv6Network((int(sender), IPV6_NETWORK), strict=False))
    return str(getattr(sender, "ipv4_mapped", None) or sender)


def _own_source(request: HttpRequest, user: User) -> str | None:
    """The session or the browser by which this person is known; None for a stranger."""
    if request.user == user and request.session.session_key:
        return f"session:{_digest(request.session.session_key)}"
    device = known_browsers.known_browser(request, user)
    return device and f"device:{device}"


def _from(person: int | str, source: str) -> str:
    return f"throttle:from:{person}:{source}"


def _digest(text: str) -> str:
    text = User.normalize_username(text).casefold()
    return hashlib.sha256(text.encode()).hexdigest()[:32]
