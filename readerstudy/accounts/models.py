"""People who sign in. What a person may do in a study is that study's to say."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person. Demo users can sign in only while the site runs in demo mode.

    Django's permissions count for staff alone: what anyone else may do, a study says.
    """

    is_demo = models.BooleanField(default=False, editable=False)

    def has_perm(self, perm, obj=None):
        return self.is_staff and super().has_perm(perm, obj)

    def has_module_perms(self, app_label):
        return self.is_staff and super().has_module_perms(app_label)
