"""Invitations by e-mail: the only way in for someone without an account.

A link is signed, is good for ``INVITATION_DAYS`` days, and is dead once it was used or a newer one
was sent.
"""

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.crypto import get_random_string

from readerstudy.accounts import site_urls
from readerstudy.accounts.models import User
from readerstudy.audit.log import record

_SALT = "accounts.invitation"


class NotInvited(Exception):
    """Why this address can't be invited, for the person who invites."""


def find_or_make(email: str, *, name: str = "") -> User:
    """The person with this address; a new one, without a password, if there is none.

    A new person signs in with the address as username. Raises NotInvited if several people have
    the address, or if the one who has it may not sign in.
    """
    email = email.strip().lower()
    found = list(User.objects.filter(email__iexact=email)) or list(
        User.objects.filter(username__iexact=email)
    )
    if len(found) > 1:
        names = ", ".join(sorted(user.username for user in found))
        raise NotInvited(f"{len(found)} users have this e-mail address: {names}.")
    if found:
        [user] = found
        if not user.is_active or user.is_demo:
            raise NotInvited(f"User {user.username} already exists but can't sign in.")
        if not user.email:
            raise NotInvited(f"User {user.username} already exists but has no e-mail address.")
        return user
    user = User(username=_username(email), email=email, first_name=name)
    user.set_unusable_password()
    user.save()
    return user


def _username(email: str) -> str:
    """The address itself, unless it has characters that usernames can't have."""
    field = User._meta.get_field("username")
    try:
        field.run_validators(email)
    except ValidationError:
        return f"user-{get_random_string(8).lower()}"
    return email


def has_open_invitation(user: User) -> bool:
    """Whether this person still has an invitation to take up."""
    return user.is_active and not user.has_usable_password()


def send_invitation(user: User, *, request: HttpRequest, study: str = "", slug: str = "") -> None:
    """Mail a person a new link, and put earlier ones out of use; one who has a password is told
    where to sign in instead.

    ``study`` is a title to be named. To be called outside a transaction: a mail can't be taken
    back. Raises OSError (smtplib's errors are such) if it can't be sent.
    """
    to = reverse("home")
    if has_open_invitation(user):
        user.invited_at, user.accepted_at = timezone.now(), None
        user.save(update_fields=["invited_at", "accepted_at"])
        to = reverse("accounts:invitation_link", args=[token_of(user)])
    context = {
        "person": user,
        "by": request.user.get_full_name() or request.user.get_username(),
        "study": study,
        "link": site_urls.absolute_url(request, to),
        "is_new": has_open_invitation(user),
        "days": settings.INVITATION_DAYS,
    }
    subject, text = _in_all_languages(context)
    send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [user.email])
    record("account.invitation_sent", request=request, study=slug, target=user.username)


def _in_all_languages(context: dict) -> tuple[str, str]:
    """Subject and text: nobody knows yet which language the person reads."""
    subjects, texts = [], []
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            subjects.append(render_to_string("accounts/mail/invitation_subject.txt", context))
            texts.append(render_to_string("accounts/mail/invitation.txt", context).strip())
    return " / ".join(subject.strip() for subject in subjects), "\n\n* * *\n\n".join(texts) + "\n"


def token_of(user: User) -> str:
    """What the link of a person's newest invitation holds."""
    return signing.dumps([user.pk, user.invited_at.isoformat()], salt=_SALT)


def is_token_of_this_site(token: str) -> bool:
    """Whether this site once made this token, however long ago."""
    try:
        signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return False
    return True


def invited_user(token: str) -> User | None:
    """Whose invitation this is; None if it is none, or dead."""
    try:
        pk, invited_at = signing.loads(
            token, salt=_SALT, max_age=settings.INVITATION_DAYS * 24 * 3600
        )
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=pk, invited_at=invited_at, accepted_at=None).first()
    return user if user and has_open_invitation(user) else None


def accept_invitation(user: User, *, password: str) -> bool:
    """Give the person their password; False if the invitation was taken up meanwhile."""
    with transaction.atomic():
        same = User.objects.filter(
            pk=user.pk, invited_at=user.invited_at, accepted_at=None, is_active=True
        )
        user.accepted_at = timezone.now()
        user.set_password(password)
        return bool(same.update(accepted_at=user.accepted_at, password=user.password))
