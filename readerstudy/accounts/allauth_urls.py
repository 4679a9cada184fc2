"""Those pages of django-allauth that the site has, under the names by which allauth finds them.

No sign-up, no e-mail addresses to manage, no social accounts: what is not here is not there.
"""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import path, re_path

from readerstudy.accounts import forms
from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.views import ForgottenPassword, SignIn


def _page(view: type, template: str, who: Audience, **options):
    """A view of allauth with a template of the site, for these people."""
    return audience(who)(view.as_view(template_name=f"accounts/{template}.html", **options))


# While a person still owes a second factor, these are all that the site has for them.
_BEFORE_SECOND_FACTOR = [
    path("mine/", _page(mfa.IndexView, "mine", Audience.ACCOUNT), name="mfa_index"),
    path(
        "second-factor/set-up/",
        _page(totp.ActivateTOTPView, "second_factor_set_up", Audience.ACCOUNT),
        name="mfa_activate_totp",
    ),
    path(
        "recovery-codes/",
        _page(recovery_codes.ViewRecoveryCodesView, "recovery_codes", Audience.ACCOUNT),
        name="mfa_view_recovery_codes",
    ),
    path(
        "confirm/",
        _page(
            account.ReauthenticateView,
            "confirm",
            Audience.ACCOUNT,
            form_class=forms.ConfirmByPasswordForm,
        ),
        name="account_reauthenticate",
    ),
    path(
        "confirm/code/",
        _page(mfa.ReauthenticateView, "confirm", Audience.ACCOUNT),
        name="mfa_reauthenticate",
    ),
    path(
        "password/",
        _page(
            account.PasswordChangeView,
            "password_change",
            Audience.ACCOUNT,
            form_class=forms.ChangePasswordForm,
        ),
        name="account_change_password",
    ),
]

_SIGNED_IN = [
    path(
        "second-factor/remove/",
        _page(totp.DeactivateTOTPView, "second_factor_remove", Audience.SIGNED_IN),
        name="mfa_deactivate_totp",
    ),
    path(
        "recovery-codes/new/",
        _page(recovery_codes.GenerateRecoveryCodesView, "recovery_codes_new", Audience.SIGNED_IN),
        name="mfa_generate_recovery_codes",
    ),
]

_FORGOTTEN = [
    path(
        "password/forgotten/",
        _page(
            ForgottenPassword,
            "password_forgotten",
            Audience.PUBLIC,
            form_class=forms.ForgottenForm,
        ),
        name="account_reset_password",
    ),
    path(
        "password/forgotten/sent/",
        _page(account.PasswordResetDoneView, "password_sent", Audience.PUBLIC),
        name="account_reset_password_done",
    ),
    re_path(
        r"^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[-\w]+)/$",
        _page(
            account.PasswordResetFromKeyView,
            "password_new",
            Audience.PUBLIC,
            form_class=forms.NewPasswordForm,
        ),
        name="account_reset_password_from_key",
    ),
    path(
        "password/new/done/",
        _page(account.PasswordResetFromKeyDoneView, "password_done", Audience.PUBLIC),
        name="account_reset_password_from_key_done",
    ),
]

urlpatterns = [
    # The same page as accounts:login, under the name by which allauth knows it.
    path("sign-in/", audience(Audience.PUBLIC)(SignIn.as_view()), name="account_login"),
    path(
        "second-factor/",
        _page(mfa.AuthenticateView, "second_factor", Audience.PUBLIC),
        name="mfa_authenticate",
    ),
    *_BEFORE_SECOND_FACTOR,
    *_SIGNED_IN,
    *_FORGOTTEN,
]
