"""Write to the audit log. Callers never write AuditEvent rows themselves."""

from ipaddress import ip_address
from typing import Any

from django.http import HttpRequest

from readerstudy.audit import canonical, chain, refusal_throttle
from readerstudy.audit.models import AuditEvent


def record(
    action: str,
    *,
    request: HttpRequest | None = None,
    actor: str = "",
    study: str = "",
    target: str = "",
    refused: bool = False,
    unthrottled: bool = False,
    detail: dict[str, Any] | None = None,
) -> AuditEvent | None:
    """Append one event; with a request, its user and address are taken from there.

    A refusal must be recorded outside the transaction that is rolled back because of it; what is
    done, at the end of its transaction (``chain.append``). For a setting, ``detail`` is
    ``{"before": {...}, "after": {...}}``.

    Of requests that are refused again and again not each is an event (``refusal_throttle.py``),
    then this returns None; ``unthrottled`` is for what is bounded already where it is refused.
    """
    if request is not None:
        actor = actor or request.user.get_username()
        if refused and not unthrottled:
            unwritten = refusal_throttle.to_write(actor or str(_address(request)), action)
            if unwritten is None:
                return None
            if unwritten:
                detail = (detail or {}) | {"not_written_singly": unwritten}
    event = AuditEvent(
        actor=_fit("actor", actor),
        action=action,
        outcome=AuditEvent.Outcome.REFUSED if refused else AuditEvent.Outcome.DONE,
        study=_fit("study", study),
        target=_fit("target", target),
        detail=canonical.to_plain(detail or {}),
        address=request and _address(request),
    )
    return chain.append(event)


def _fit(column: str, text: str) -> str:
    """Whatever a refused request held, as text that its column can hold."""
    return canonical.storable_text(text)[: AuditEvent._meta.get_field(column).max_length]


def _address(request: HttpRequest) -> str | None:
    """The sender's address; None where the server has no more than a socket's name."""
    try:
        sender, _, _interface = request.META.get("REMOTE_ADDR", "").partition("%")
        return str(ip_address(sender))
    except ValueError:
        return None
