"""People who sign in. What a person may do in a study is that study's to say."""

from collections.abc import Iterator

from django.contrib.auth.models import AbstractUser
from django.db import models

from readerstudy.audit.history import keeps_history


@keeps_history(without=("password", "last_login", "session_generation"))
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
    """The table of Django's database cache, made by a migration as any other table is.

    Only ``django.core.cache`` reads and writes it.
    """

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self):
        return self.cache_key
