"""What django-allauth asks the site: its own words, secrets, and who is told what."""

import base64
import hashlib

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from readerstudy.accounts import hash_limits, site_urls, throttle
from readerstudy.accounts.models import User
from readerstudy.accounts.sessions import began_within

_BEGUN_UNDER = "sign_in_began_under"


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by name and password; nobody signs up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _(
            "Enter a correct username and password. The password is case-sensitive."
        ),
        "too_many_login_attempts": _(
            "Too many failed attempts. Wait a few minutes, then try again. Other people's "
            "attempts do not affect you in a browser that you have signed in with before, or "
            "after you have reset your password by e-mail."
        ),
        "rate_limited": _("Too many attempts. Wait a few minutes, then try again."),
    }

    def is_open_for_signup(self, request) -> bool:
        return False

    def is_ajax(self, request) -> bool:
        """Pages are all that this site has for people who sign in."""
        return False

    def add_message(self, *args, **kwargs) -> None:
        """Each page says itself what was done."""

    def get_password_change_redirect_url(self, request) -> str:
        return reverse("mfa_index")

    def send_password_reset_mail(self, user, email: str, context: dict) -> None:
        """To the address as we have it: one that was typed may only look the same."""
        super().send_password_reset_mail(user, user.email, context)

    def get_reset_password_from_key_url(self, key: str) -> str:
        person, _, secret = key.partition("-")
        kwargs = {"uidb36": person, "key": secret}
        path = reverse("account_reset_password_from_key", kwargs=kwargs)
        return site_urls.absolute_url(context.request, path)

    def is_safe_url(self, url: str) -> bool:
        """Whether ``?next=`` may be followed: within this site, to a path alone."""
        return site_urls.is_path(url)

    def is_reauthentication_required(self, *, app: str, **kwargs) -> bool:
        """Whoever signed in just now need not give the password again."""
        if began_within(context.request, REAUTHENTICATION_TIMEOUT):
            return False
        return super().is_reauthentication_required(app=app, **kwargs)

    def authenticate(self, request, **credentials) -> User | None:
        """Whose name and password these are; an attempt that is too many is not looked at."""
        user = User.objects.called(credentials["username"])
        with hash_limits.hashing_turn(known=throttle.is_known(request, user)):
            return self._authenticate_in_turn(request, user, **credentials)

    def _authenticate_in_turn(self, request, user: User | None, **credentials) -> User | None:
        name = credentials["username"]
        try:
            attempt = throttle.begin_attempt(request, "password", user=user, name=name)
        except throttle.TooMany:
            raise self.validation_error("too_many_login_attempts") from None
        found = super().authenticate(request, **credentials)
        if found:
            attempt.was_right()
        return found

    def pre_login(self, request, user, **login):
        """Keep under which password this sign-in began: a code may come minutes later."""
        request.session[_BEGUN_UNDER] = user.get_session_auth_hash()
        return super().pre_login(request, user, **login)

    def login(self, request, user) -> None:
        """No sign-in ends that began under a password which was changed meanwhile."""
        begun = request.session.pop(_BEGUN_UNDER, "")
        if not constant_time_compare(begun, user.get_session_auth_hash()) or not user.is_active:
            request.session.flush()
            raise ImmediateHttpResponse(redirect("accounts:login"))
        super().login(request, user)

    def validation_error(self, code: str, *args) -> ValidationError:
        """A refusal in words; that of too many attempts goes to the audit log."""
        if code in ("too_many_login_attempts", "rate_limited"):
            throttle.record_refusal(context.request)
        return super().validation_error(code, *args)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors lie in the database under a key made of the site's secret key."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "other_secret_key": _(
            "Your second factor can't be checked: it was set up with a different secret key of "
            "this site. Ask an admin to remove it, then set it up again."
        ),
    }

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _fernet().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise self.validation_error("other_secret_key") from None


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(f"accounts.second_factor{key}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
