"""The forms of signing in, second factors, passwords and invitations, in the site's own words."""

from allauth.account import forms as account
from allauth.account.adapter import get_adapter
from allauth.account.fields import SetPasswordField
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_second_factor_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from readerstudy.accounts import hash_limits, second_factor_policy, throttle
from readerstudy.accounts.models import User

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


class Guarded:
    """Mixin: codes are looked at in turn, and one of the authenticator app is good for once."""

    def clean_code(self) -> str:
        try:
            attempt = throttle.begin_attempt(context.request, "code", user=self.user)
        except throttle.TooMany:
            raise get_adapter().validation_error("too_many_login_attempts") from None
        code = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP:
            _use(self.user, code)
        attempt.was_right()
        return code


def _use(user: User, code: str) -> None:
    if not second_factor_policy.claim_first_use(user, code):
        raise get_second_factor_adapter().validation_error("incorrect_code")


class SecondFactorForm(Guarded, Worded, AuthenticateForm):
    labels = {"code": CODE_OR_RECOVERY}


class ConfirmByCodeForm(Guarded, Worded, ReauthenticateForm):
    labels = {"code": CODE_OR_RECOVERY}


class SetUpForm(Worded, ActivateTOTPForm):
    labels = {"code": CODE}

    def clean_code(self) -> str:
        code = super().clean_code()
        _use(self.user, code)
        return code


class ConfirmByPasswordForm(Worded, account.ReauthenticateForm):
    labels = {"password": _("Password")}


class ChangePasswordForm(Worded, account.ChangePasswordForm):
    labels = {
        "oldpassword": _("Current password"),
        "password1": _("New password"),
        "password2": _("Confirm new password"),
    }

    def clean_oldpassword(self) -> str:
        with hash_limits.hashing_turn(known=True):
            try:
                attempt = throttle.begin_attempt(context.request, "password", user=self.user)
            except throttle.TooMany:
                raise get_adapter().validation_error("rate_limited") from None
            password = super().clean_oldpassword()
        attempt.was_right()
        return password


class NewPasswordForm(Worded, account.ResetPasswordKeyForm):
    """A first or a new password, of a person who was sent a link."""

    labels = {"password1": _("New password"), "password2": _("Confirm new password")}


class ForgottenForm(Worded, account.ResetPasswordForm):
    """Asks for a link by e-mail. What is answered, and how long it takes, is the same for all."""

    labels = {"email": _("E-mail address")}

    def clean_email(self) -> str:
        """Who was invited and has no password yet has an invitation, which can be sent again."""
        email = self.cleaned_data["email"]
        people = User.objects.filter(email__iexact=email, is_active=True)
        self.users = [user for user in people if user.has_usable_password()]
        return email

    def clean(self) -> dict:
        cleaned = super().clean()
        if email := cleaned.get("email"):
            try:
                self.is_sent = throttle.count_mail(context.request, email, self.users)
            except throttle.TooMany:
                raise get_adapter().validation_error("rate_limited") from None
        return cleaned

    def save(self, request: HttpRequest, **kwargs) -> str:
        """A mailbox that has had its mails has a link that is still good: it gets no more."""
        email = self.cleaned_data["email"]
        if not self.is_sent:
            throttle.record_refusal(request)
            return email
        if self.users:
            return super().save(request, **kwargs)
        get_adapter(request).send_mail("account/email/unknown_account", email, {})
        return email
