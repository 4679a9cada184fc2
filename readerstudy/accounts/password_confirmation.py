"""A password asked for once more, before something that counts. Wrong ones are on record."""

from django.http import HttpRequest

from readerstudy.accounts import hash_limits, throttle
from readerstudy.audit.log import record

WRONG = "Wrong password. Nothing was changed."
TOO_MANY = "Too many wrong passwords. Wait a few minutes, then try again. Nothing was changed."


class NotConfirmed(Exception):
    """The password was wrong, or is not looked at now; the text is for the person."""


def require_password(request: HttpRequest, password: str, *, study: str, target: str) -> None:
    """Raise NotConfirmed, once it is on record, unless this is the signed-in person's password."""
    with hash_limits.hashing_turn(known=True):
        refused = _refused(request, password)
    if refused:
        action, text = refused
        record(action, request=request, study=study, target=target, refused=True, unthrottled=True)
        raise NotConfirmed(text)


def _refused(request: HttpRequest, password: str) -> tuple[str, str] | None:
    """How a refusal is on record and what is said of it; None for the right password."""
    try:
        attempt = throttle.begin_attempt(request, "password", user=request.user)
    except throttle.TooMany:
        return "account.confirm_throttled", TOO_MANY
    if request.user.check_password(password):
        attempt.was_right()
        return None
    return "account.confirm", WRONG
