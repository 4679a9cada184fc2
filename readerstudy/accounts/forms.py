"""The forms of signing in, second factors, passwords and invitations, in the site's own words."""

from allauth.account import forms as account
from allauth.account.adapter import get_adapter
from allauth.account.fields import SetPasswordField
from allauth.mfa.adapter import get_adapter as get_second_factor_adapter
from allauth.mfa.app_settings import TOTP_PERIOD, TOTP_TOLERANCE
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

CODE = _("Code from your authenticator app")
CODE_OR_RECOVERY = _("Code from your authenticator app, or a recovery code")


class Worded:
    """Mixin: a form's labels, above the fields rather than within them."""

    labels: dict[str, str] = {}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, label in self.labels.items():
            field = self.fields[name]
            field.label = label
            field.widget.attrs.pop("placeholder", None)
            if not isinstance(field, SetPasswordField):  # which tells what passwords must be like
                field.help_text = ""


class SignInForm(Worded, account.LoginForm):
    """Name and password; in the page the name's field is called ``username``."""

    labels = {"login": _("Username"), "password": _("Password")}

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix("username" if field_name == "login" else field_name)


class OneTime:
    """Mixin: a code of the authenticator app is good for once, as long as it is good at all."""

    def clean_code(self) -> str:
        code = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP:
            seconds = TOTP_PERIOD * (2 * TOTP_TOLERANCE + 1)
            if not cache.add(f"second-factor:{self.user.pk}:{code}", True, timeout=seconds):
                raise get_second_factor_adapter().validation_error("incorrect_code")
        return code


class SecondFactorForm(OneTime, Worded, AuthenticateForm):
    labels = {"code": CODE_OR_RECOVERY}


class ConfirmByCodeForm(OneTime, Worded, ReauthenticateForm):
    labels = {"code": CODE_OR_RECOVERY}


class SetUpForm(Worded, ActivateTOTPForm):
    labels = {"code": CODE}


class ConfirmByPasswordForm(Worded, account.ReauthenticateForm):
    labels = {"password": _("Password")}


class ChangePasswordForm(Worded, account.ChangePasswordForm):
    labels = {
        "oldpassword": _("Current password"),
        "password1": _("New password"),
        "password2": _("New password, again"),
    }


class NewPasswordForm(Worded, account.ResetPasswordKeyForm):
    """A first or a new password, of a person who was sent a link."""

    labels = {"password1": _("New password"), "password2": _("New password, again")}


class ForgottenForm(Worded, account.ResetPasswordForm):
    """Asks for a link by e-mail. What is answered, and how long it takes, is the same for all."""

    labels = {"email": _("E-mail address")}

    def clean_email(self) -> str:
        """Who was invited and has no password yet has an invitation, which can be sent again."""
        email = super().clean_email()
        self.users = [user for user in self.users if user.has_usable_password()]
        return email

    def save(self, request: HttpRequest, **kwargs) -> str:
        if self.users:
            return super().save(request, **kwargs)
        email = self.cleaned_data["email"]
        get_adapter(request).send_mail("account/email/unknown_account", email, {})
        return email
