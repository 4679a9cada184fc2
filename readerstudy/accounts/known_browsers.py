"""Browsers that a person has signed in with before, known again by a signed cookie.

The cookie lets nobody in. It only tells the person's own attempts from those of strangers, which
are counted apart (``throttle.py``; OWASP calls this "device cookies"). It is worth nothing once
the person's password was changed.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from readerstudy.accounts.models import User

COOKIE = "known_device"
AGE = 365 * 24 * 3600
PEOPLE = 20  # who share a browser: so many the cookie has room for
_SALT = "accounts.device"


class KnownBrowser:
    """Middleware: a browser in which somebody signed in, or chose a password, is known from then
    on as theirs."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if user := getattr(request, "device_owner", None):
            _set_cookie(request, response, user)
        return response


def remember_browser(request: HttpRequest, user: User) -> None:
    """With the answer to this request its browser becomes known as this person's."""
    request.device_owner = user


def known_browser(request: HttpRequest, user: User) -> str | None:
    """The name of the browser, if this person signed in with it since the password was changed."""
    name, fingerprint = _people(request).get(str(user.pk), ("", ""))
    return name if constant_time_compare(fingerprint, _fingerprint(user)) else None


def _people(request: HttpRequest) -> dict[str, list[str]]:
    try:
        return signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=AGE)
    except signing.BadSignature:
        return {}


def _set_cookie(request: HttpRequest, response: HttpResponse, user: User) -> None:
    others = {pk: known for pk, known in _people(request).items() if pk != str(user.pk)}
    newest = dict(list(others.items())[-(PEOPLE - 1) :])
    people = newest | {str(user.pk): [secrets.token_urlsafe(9), _fingerprint(user)]}
    response.set_cookie(
        COOKIE,
        signing.dumps(people, salt=_SALT),
        max_age=AGE,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def _fingerprint(user: User) -> str:
    """Of the password as it is stored: another once it was changed."""
    return salted_hmac(_SALT, f"{user.pk}:{user.password}", algorithm="sha256").hexdigest()[:32]
