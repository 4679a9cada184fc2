"""Texts that scripts on a reader's pages show, in the reader's language."""

from django.utils.translation import gettext_lazy as _

WORDS = {
    "sending": _("Sending the diagnosis…"),
    "stored": _("Stored at %(time)s."),
    "waiting": _(
        "No answer from the server. %(count)s diagnosis is kept in this browser and is sent as "
        "soon as the line is back. Leave this page open, or come back to it on this computer."
    ),
    "signed-out": _(
        "You are signed out. %(count)s diagnosis is kept in this browser and is sent once you "
        "have signed in again."
    ),
    "sign-in": _("Sign in"),
    "of-another": _(
        "%(count)s diagnosis of another account is kept in this browser. It is sent when that "
        "account signs in here."
    ),
    "refused": _("Submitted at %(time)s, not stored: %(reason)s"),
    "understood": _("Understood"),
    "keeps-nothing": _(
        "This browser can't keep a diagnosis while the line is cut: submit only while it is up."
    ),
    "next-waits": _("The next case comes as soon as the line is back."),
}
