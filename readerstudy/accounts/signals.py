"""What befalls an account goes to the audit log; sessions begin and end by it."""

from allauth.account.signals import password_changed, password_reset
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
    authenticator_used,
)
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from readerstudy.accounts import known_browsers, second_factor_policy, sessions, throttle
from readerstudy.audit.log import record


@receiver(user_logged_in)
def signed_in(sender, request, user, **_signal):
    sessions.begin(request)
    second_factor_policy.note_sign_in(request, user)
    throttle.note_sign_in(request, user)
    record("account.sign_in", request=request, actor=user.get_username())


@receiver(user_logged_out)
def signed_out(sender, request, user, **_signal):
    if user is not None:
        record("account.sign_out", request=request, actor=user.get_username())


@receiver(user_login_failed)
def sign_in_failed(sender, credentials, request=None, **_signal):
    tried = str(credentials.get("username", ""))[:150]
    record("account.sign_in", request=request, target=tried, refused=True, unthrottled=True)


@receiver(authenticator_used)
def second_factor_given(sender, request, user, authenticator, **_signal):
    _record("account.second_factor", request, user, detail={"type": authenticator.type})


@receiver(authentication_failed)
def second_factor_refused(sender, request, user, **_signal):
    _record("account.second_factor", request, user, refused=True, unthrottled=True)


@receiver(authenticator_added)
def second_factor_set_up(sender, request, user, authenticator, **_signal):
    if authenticator.type == Authenticator.Type.TOTP:  # its recovery codes come with it
        sessions.end_sessions(user, but=request)
        second_factor_policy.note_set_up(request)
        _record("account.second_factor_set_up", request, user)


@receiver(authenticator_removed)
def second_factor_removed(sender, request, user, authenticator, **_signal):
    if authenticator.type == Authenticator.Type.TOTP:
        sessions.end_sessions(user, but=request)
        second_factor_policy.note_removed(request, user)
        _record("account.second_factor_removed", request, user)


@receiver(authenticator_reset)
def recovery_codes_renewed(sender, request, user, **_signal):
    sessions.end_sessions(user, but=request)
    _record("account.recovery_codes_renewed", request, user)


@receiver(password_changed)
def password_was_changed(sender, request, user, **_signal):
    known_browsers.remember_browser(request, user)
    _record("account.password_changed", request, user)


@receiver(password_reset)
def password_was_reset(sender, request, user, **_signal):
    known_browsers.remember_browser(request, user)
    _record("account.password_reset", request, user)


def _record(action: str, request, user, **more) -> None:
    record(action, request=request, actor=user.get_username(), **more)
