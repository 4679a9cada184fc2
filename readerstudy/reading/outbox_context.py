"""What every page of a signed-in person has for the outbox in the browser."""

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from readerstudy.reading.script_messages import SCRIPT_MESSAGES


def outbox(request: HttpRequest) -> dict:
    """A template context processor."""
    user = getattr(request, "user", None)
    return {"outbox_owner": owner_of(user) if user else "", "words": SCRIPT_MESSAGES}


def owner_of(user) -> str:
    """A name for whose a waiting diagnosis is, that tells no one whose; "" for nobody."""
    if not user.is_authenticated:
        return ""
    return salted_hmac("reading.outbox", str(user.pk)).hexdigest()[:16]
