"""Every view declares who may see it. One that declares nothing is seen by nobody.

The declaration says which kind of person; a view for a role in a study also resolves that
role for the study in its URL, and answers 404 to anyone else.
"""

from collections.abc import Callable
from enum import StrEnum

ADMIN_NAMESPACE = "admin"


class Audience(StrEnum):
    """Who may see a view."""

    PUBLIC = "anyone"
    ACCOUNT = "anyone signed in, be it without the second factor that they must have"
    SIGNED_IN = "anyone signed in"
    READER = "a reader of the study"
    MEMBER = "whoever has a role in running the study, as far as it allows"
    AUDITOR = "an auditor of the study, or an admin"
    ADMIN = "staff by Django's model permissions, and members of a study by their role"

    @property
    def reads_english(self) -> bool:
        """Whether the pages for these people are in English alone: names, figures and tables
        there are those of the paper and of the exports."""
        return self in (Audience.MEMBER, Audience.AUDITOR, Audience.ADMIN)


def audience(who: Audience) -> Callable[[Callable], Callable]:
    """Decorator: declare who may see this view."""

    def declare(view: Callable) -> Callable:
        view.audience = who
        return view

    return declare


def declared_audience(view: Callable, namespaces: list[str]) -> Audience | None:
    """What a view declares, or None. All of Django admin is for staff and members."""
    if ADMIN_NAMESPACE in namespaces:
        return Audience.ADMIN
    return getattr(view, "audience", None)
