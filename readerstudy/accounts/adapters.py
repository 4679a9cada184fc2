"""What django-allauth asks the site: its own words, secrets, and who is told what."""

import base64
import hashlib

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from readerstudy.accounts.sessions import began_within
from readerstudy.audit.log import record


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by name and password; nobody signs up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _(
            "Please enter a correct username and password. Note that both fields may be "
            "case-sensitive."
        ),
        "too_many_login_attempts": _(
            "Too many failed attempts. Wait some minutes, then try again."
        ),
    }

    def is_open_for_signup(self, request) -> bool:
        return False

    def is_ajax(self, request) -> bool:
        """Pages are all that this site has for people who sign in."""
        return False

    def add_message(self, *args, **kwargs) -> None:
        """Each page says itself what was done."""

    def get_client_ip(self, request) -> str:
        """The middleware ClientAddress has seen to a proxy; a local socket has no address."""
        return request.META.get("REMOTE_ADDR") or "local"

    def get_password_change_redirect_url(self, request) -> str:
        return reverse("mfa_index")

    def is_reauthentication_required(self, *, app: str, **kwargs) -> bool:
        """Whoever signed in just now need not give the password again."""
        if began_within(context.request, REAUTHENTICATION_TIMEOUT):
            return False
        return super().is_reauthentication_required(app=app, **kwargs)

    def validation_error(self, code: str, *args) -> ValidationError:
        """A refusal in words; that of a rate limit goes to the audit log."""
        if code in ("too_many_login_attempts", "rate_limited"):
            request = context.request
            record("account.rate_limited", request=request, target=request.path, refused=True)
        return super().validation_error(code, *args)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors lie in the database under a key made of the site's secret key."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "other_secret_key": _(
            "Your second factor was set up under another secret key of this site. "
            "Ask an admin to take it away, then set it up anew."
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
