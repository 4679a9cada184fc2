"""Sign-ins, sign-outs and failed sign-ins go to the audit log."""

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from readerstudy.audit.log import record


@receiver(user_logged_in)
def signed_in(sender, request, user, **_signal):
    record("account.sign_in", request=request, actor=user.get_username())


@receiver(user_logged_out)
def signed_out(sender, request, user, **_signal):
    if user is not None:
        record("account.sign_out", request=request, actor=user.get_username())


@receiver(user_login_failed)
def sign_in_failed(sender, credentials, request=None, **_signal):
    tried = str(credentials.get("username", ""))[:150]
    record("account.sign_in", request=request, target=tried, refused=True)
