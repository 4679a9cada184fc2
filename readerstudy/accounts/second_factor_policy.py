"""Who must have a second factor, and whether a session was begun with it.

A session keeps the answer, found at the sign-in, so that a page asks the database nothing. Parts
of the site above this one add rules of their own with ``requires_second_factor``.
"""

import re
from collections.abc import Callable

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.app_settings import TOTP_PERIOD, TOTP_TOLERANCE
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest

from readerstudy.accounts.access import Audience
from readerstudy.accounts.models import User
from readerstudy.accounts.sessions import end_sessions

Rule = Callable[[User], bool]
_RULES: list[Rule] = []
_STATE = "second_factor"
_GIVEN, _OWED = "given", "owed"
_READERS_PAGES = (Audience.PUBLIC, Audience.SIGNED_IN, Audience.READER)


def requires_second_factor(rule: Rule) -> Rule:
    """Decorator: whoever meets this rule must have a second factor."""
    _RULES.append(rule)
    return rule


@requires_second_factor
def is_staff(user: User) -> bool:
    return user.is_staff or user.is_superuser


def must_have(user: User) -> bool:
    """Whether this person may not go on without a second factor."""
    return settings.SECOND_FACTOR_REQUIRED and any(rule(user) for rule in _RULES)


def remove_second_factor(user: User) -> bool:
    """Take a person's authenticator app and recovery codes away, and end their sessions; False if
    there were none."""
    with transaction.atomic():
        deleted, _by_model = Authenticator.objects.filter(user=user).delete()
        if deleted:
            end_sessions(user)
    return bool(deleted)


def claim_first_use(user: User, code: str) -> bool:
    """Whether this code of the person's authenticator app is used for the first time, whatever for.

    Verifies nothing: call it for a code that was found to be correct. The same digits are the same
    code, however they are written.
    """
    digits = "".join(re.findall("[0-9]", code))
    good_for = TOTP_PERIOD * (2 * TOTP_TOLERANCE + 1)
    return cache.add(f"second-factor:{user.pk}:{digits}", 1, timeout=good_for + TOTP_PERIOD)


def note_sign_in(request: HttpRequest, user: User) -> None:
    """Keep in the new session how far its second factor has come."""
    records = get_authentication_records(request, user)
    if any(record["method"] == "mfa" for record in records):
        request.session[_STATE] = _GIVEN
    elif must_have(user):
        request.session[_STATE] = _OWED


def note_set_up(request: HttpRequest) -> None:
    """The second factor was set up, and given, in this session."""
    request.session[_STATE] = _GIVEN


def note_removed(request: HttpRequest, user: User) -> None:
    """It was taken away in this session."""
    request.session.pop(_STATE, None)
    if must_have(user):
        request.session[_STATE] = _OWED


def must_set_up_now(request: HttpRequest, who: Audience | None) -> bool:
    """Whether this session must set up a second factor before it sees a view for these people.

    Who became staff or a study's member since the sign-in is found at the first view for such.
    """
    if not settings.SECOND_FACTOR_REQUIRED or who is Audience.ACCOUNT:
        return False
    state = request.session.get(_STATE)
    if state is None and who not in _READERS_PAGES and must_have(request.user):
        state = request.session[_STATE] = _OWED
    return state == _OWED
