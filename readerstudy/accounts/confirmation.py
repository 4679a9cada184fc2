"""A password asked for once more, before something that counts.

Wrong ones are on record; after some of them none is looked at for a while.
"""

from datetime import timedelta

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent

TRIES = 5
WITHIN = timedelta(minutes=15)
WRONG = "That is not your password. Nothing was done."
TOO_MANY = (
    f"That was wrong {TRIES} times: no password is looked at for "
    f"{WITHIN.seconds // 60} minutes. Nothing was done."
)
_ACTION, _THROTTLED = "account.confirm", "account.confirm_throttled"


class NotConfirmed(Exception):
    """The password was wrong, or is not looked at now; the text is for the person."""


def require_password(request: HttpRequest, password: str, *, study: str, target: str) -> None:
    """Raise NotConfirmed, once it is on record, unless this is the signed-in person's password."""
    with transaction.atomic():
        # One try after the other, so that many at once are no more tries than these.
        person = User.objects.select_for_update().get(pk=request.user.pk)
        throttled = _wrong_tries(person) >= TRIES
        if not throttled and person.check_password(password):
            return
        record(
            _THROTTLED if throttled else _ACTION,
            request=request,
            study=study,
            target=target,
            refused=True,
        )
    raise NotConfirmed(TOO_MANY if throttled else WRONG)


def _wrong_tries(person: User) -> int:
    return AuditEvent.objects.filter(
        action=_ACTION,
        actor=person.get_username(),
        outcome=AuditEvent.Outcome.REFUSED,
        at__gt=timezone.now() - WITHIN,
    ).count()
