"""Signing in, and forgotten passwords."""

import logging

from allauth.account.views import LoginView, PasswordResetView
from django.conf import settings
from django.shortcuts import resolve_url
from django.utils.translation import gettext_lazy as _

from readerstudy.accounts.forms import SignInForm

logger = logging.getLogger(__name__)


class SignIn(LoginView):
    """allauth's own; whoever is signed in already goes on to where they were going."""

    template_name = "accounts/sign_in.html"
    form_class = SignInForm

    def get_next_url(self) -> str | None:
        url = super().get_next_url()
        here = url and url.partition("?")[0] == self.request.path
        return None if here else url  # else round and round

    def get_default_success_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)


class ForgottenPassword(PasswordResetView):
    """allauth's own; where no mail can be sent, the page says so to everybody alike."""

    def form_valid(self, form):
        try:
            return super().form_valid(form)
        except OSError:  # smtplib's errors are such
            logger.exception("An e-mail could not be sent")
            text = _("The e-mail could not be sent. Try again later, or contact the person who "
                     "runs your study.")  # fmt: skip
            form.add_error(None, text)
            return self.form_invalid(form)
