"""People who sign in. What a person may do in a study is that study's to say."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from readerstudy.audit.history import keeps_history


@keeps_history(without=("password", "last_login"))
class User(AbstractUser):
    """A person. Demo users can sign in only while the site runs in demo mode."""

    is_demo = models.BooleanField(default=False, editable=False)
