"""Write to the audit log. Callers never write AuditEvent rows themselves."""

from ipaddress import ip_address
from typing import Any

from django.http import HttpRequest

from readerstudy.audit import canonical, chain
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

    A refusal must be recorded outside the transaction that is rolled back because of it; what is
    done, at the end of its transaction (``chain.append``). For a setting, ``detail`` is
    ``{"before": {...}, "after": {...}}``.
    """
    if request is not None:
        actor = actor or request.user.get_username()
    event = AuditEvent(
        actor=_fit("actor", actor),
        action=action,
        outcome=AuditEvent.Outcome.REFUSED if refused else AuditEvent.Outcome.DONE,
        study=_fit("study", study),
        target=_fit("target", target),
        detail=canonical.plain(detail or {}),
        address=request and _address(request),
    )
    return chain.append(event)


def _fit(column: str, text: str) -> str:
    """Whatever a refused request held, as text that its column can hold."""
    return canonical.text(text)[: AuditEvent._meta.get_field(column).max_length]


def _address(request: HttpRequest) -> str | None:
    """The sender's address; None where the server has no more than a socket's name."""
    try:
        sender, _, _interface = request.META.get("REMOTE_ADDR", "").partition("%")
        return str(ip_address(sender))
    except ValueError:
        return None
