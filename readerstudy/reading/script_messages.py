"""Texts that scripts on a reader's pages show, in the reader's language."""

from django.utils.translation import gettext_lazy as _

SCRIPT_MESSAGES = {
    "sending": _("Sending the diagnosis…"),
    "stored": _("Stored at %(time)s."),
    "waiting": _(
        "No connection to the server. Diagnoses kept in this browser: %(count)s. They are sent "
        "once the connection is back. Leave this page open, or come back to it on this "
        "computer."
    ),
    "signed-out": _(
        "You are signed out. Diagnoses kept in this browser: %(count)s. They are sent once you "
        "sign in again."
    ),
    "sign-in": _("Sign in"),
    "of-another": _(
        "Diagnoses of another account kept in this browser: %(count)s. They are sent once that "
        "account signs in here."
    ),
    "refused": _("Submitted at %(time)s, not stored: %(reason)s"),
    "understood": _("OK"),
    "keeps-nothing": _(
        "This browser can't keep diagnoses while offline. Submit only while you are connected."
    ),
    "unwritten": _(
        "This browser could not save your diagnosis on this computer. Leave this page open: the "
        "diagnosis is sent as soon as the server answers."
    ),
    "next-waits": _("The next case appears once the connection is back."),
}
