"""Write to the audit log. Callers never write AuditEvent rows themselves."""

from ipaddress import ip_address
from typing import Any

from django.http import HttpRequest

from readerstudy.audit.models import AuditEvent


def record(
    action: str,
    *,
    request: HttpRequest | None = None,
    actor: str = "",
    study: str = "",
    target: str = "",
    refused: bool = False,
    detail: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event; with a request, its user and address are taken from there.

    A refusal must be recorded outside the transaction that is rolled back because of it.
    """
    if request is not None:
        actor = actor or request.user.get_username()
    return AuditEvent.objects.create(
        actor=_fit("actor", actor),
        action=action,
        outcome=AuditEvent.Outcome.REFUSED if refused else AuditEvent.Outcome.DONE,
        study=_fit("study", study),
        target=_fit("target", target),
        detail=detail or {},
        address=request and _address(request),
    )


def _fit(column: str, text: str) -> str:
    """Whatever a refused request held, as text that its column can hold."""
    return text.replace("\x00", "\\0")[: AuditEvent._meta.get_field(column).max_length]


def _address(request: HttpRequest) -> str | None:
    """The sender's address; None where the server has no more than a socket's name."""
    try:
        return str(ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None
