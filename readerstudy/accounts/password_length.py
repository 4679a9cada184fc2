"""How long a password must be."""

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext


class LongEnough(MinimumLengthValidator):
    """Django's own, whose refusal Django has in English alone."""

    def get_error_message(self) -> str:
        text = gettext("This password is too short. It must have at least {least} characters.")
        return text.format(least=self.min_length)
