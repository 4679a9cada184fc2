"""People who sign in, and the table of the shared cache (``json_cache.py``).

What a person may do in a study is that study's to say.
"""

from collections.abc import Iterator

from allauth.core import context
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models

from readerstudy.accounts import hash_limits
from readerstudy.audit.simple_history_setup import tracks_history


class People(UserManager):
    """Found by the name that they sign in with, which telephones begin with a capital."""

    use_in_migrations = False

    def called(self, name: str) -> "User | None":
        """The person with this username; typed in other capitals, or in a telephone's full-width
        letters, if only one comes into question."""
        if exact := self.filter(username=name).first():
            return exact
        alike = list(self.filter(username__iexact=self.model.normalize_username(name))[:2])
        return alike[0] if len(alike) == 1 else None

    def get_by_natural_key(self, username: str) -> "User":
        """How Django finds who signs in, and whether a new superuser's name is free."""
        found = self.called(username)
        if found is None:
            raise self.model.DoesNotExist(f"There is no user {username}.")
        return found


@tracks_history(without=("password", "last_login", "session_generation"))
class User(AbstractUser):
    """A person. Demo users can sign in only while the site runs in demo mode.

    Django's permissions count for staff alone: what anyone else may do, a study says.

    ``session_generation`` counts up when all of a person's sessions are to end: each session
    bears the generation that it began in.
    """

    is_demo = models.BooleanField(default=False, editable=False)
    invited_at = models.DateTimeField(null=True, editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    session_generation = models.PositiveIntegerField(default=0, editable=False)

    objects = People()

    def check_password(self, raw_password: str) -> bool:
        """Django's own; raises ``hash_limits.Busy`` if it is nobody's turn."""
        request = context.request
        with hash_limits.hashing_turn(known=request is None or request.user.is_authenticated):
            return super().check_password(raw_password)

    def set_password(self, raw_password: str) -> None:
        """The same. Whoever chooses a password gave the old one, or has a link from a mail."""
        with hash_limits.hashing_turn(known=True):
            super().set_password(raw_password)

    def clean(self) -> None:
        super().clean()
        self._require_distinct_name()

    def save(self, *args, **kwargs) -> None:
        if self._state.adding:
            self._require_distinct_name()
        super().save(*args, **kwargs)

    def _require_distinct_name(self) -> None:
        """No new name differs from another in its capitals alone; those from before may stay."""
        others = User.objects.filter(username__iexact=self.username).exclude(pk=self.pk)
        stays = User.objects.filter(pk=self.pk, username=self.username)
        if others.exists() and not stays.exists():
            text = "A user with that username already exists (capitals make no difference)."
            raise ValidationError({"username": text})

    def has_perm(self, perm, obj=None):
        return self.is_staff and super().has_perm(perm, obj)

    def has_module_perms(self, app_label):
        return self.is_staff and super().has_module_perms(app_label)

    def get_session_auth_hash(self) -> str:
        """What a session must bear to be this person's."""
        return self._of_this_generation(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under secret keys that are being retired."""
        for digest in super().get_session_auth_fallback_hash():
            yield self._of_this_generation(digest)

    def _of_this_generation(self, digest: str) -> str:
        return f"{digest}-{self.session_generation}" if self.session_generation else digest


class SharedCache(models.Model):
    """The table of the cache that all server processes share; ``json_cache.py`` alone uses it."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self):
        return self.cache_key
