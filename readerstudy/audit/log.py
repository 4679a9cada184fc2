"""Write to the audit log. Callers never write AuditEvent rows themselves."""

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
    address = None
    if request is not None:
        actor = actor or request.user.get_username()
        address = request.META.get("REMOTE_ADDR") or None
    return AuditEvent.objects.create(
        actor=actor,
        action=action,
        outcome=AuditEvent.Outcome.REFUSED if refused else AuditEvent.Outcome.DONE,
        study=study,
        target=target[:200],
        detail=detail or {},
        address=address,
    )
