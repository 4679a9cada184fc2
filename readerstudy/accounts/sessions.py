"""How long a session lasts: so long from its sign-in, and less if nobody uses it."""

import time

from django.conf import settings
from django.contrib.auth import SESSION_KEY, update_session_auth_hash
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db.models import F
from django.http import HttpRequest

from readerstudy.accounts.models import User
from readerstudy.audit.log import record

_BEGAN, _SEEN = "began_at", "seen_at"
SECONDS_BETWEEN_NOTES = 300  # of when a session was last used: not each page writes to it
SECONDS_BETWEEN_CLEARINGS = 3600


def begin(request: HttpRequest) -> None:
    """Note the time of a sign-in in its new session."""
    request.session[_BEGAN] = request.session[_SEEN] = int(time.time())
    _clear_expired(request)


def _clear_expired(request: HttpRequest) -> None:
    """Remove the rows of sessions that are over. Only sign-ins make any: so they clear up."""
    if cache.add("sessions:cleared", 1, timeout=SECONDS_BETWEEN_CLEARINGS):
        type(request.session).clear_expired()


def began_within(request: HttpRequest, seconds: float) -> bool:
    """Whether the sign-in was that short a time ago."""
    return time.time() - request.session.get(_BEGAN, 0) < seconds


class SessionAge:
    """Middleware: a session that is over is signed out before anything else is asked of it.

    What was not submitted waits in the browser: its outbox goes on after the next sign-in.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if SESSION_KEY in request.session:
            _age(request)
        return self.get_response(request)


def _age(request: HttpRequest) -> None:
    now = int(time.time())
    session = request.session
    began, seen = session.get(_BEGAN), session.get(_SEEN)
    if began is None or seen is None:  # signed in before sessions were timed
        begin(request)
    elif now - began >= settings.SESSION_COOKIE_AGE or now - seen >= settings.SESSION_IDLE_SECONDS:
        because = "age" if now - began >= settings.SESSION_COOKIE_AGE else "idle"
        record("account.session_ended", request=request, detail={"because": because})
        session.flush()
        request.user = AnonymousUser()
    elif now - seen >= min(SECONDS_BETWEEN_NOTES, settings.SESSION_IDLE_SECONDS / 4):
        session[_SEEN] = now


def end_sessions(user: User, *, but: HttpRequest | None = None) -> None:
    """End all sessions of a person; the one of the request ``but``, if it is theirs, goes on."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])
    if but is not None and but.user == user:
        update_session_auth_hash(but, user)
