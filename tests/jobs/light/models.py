"""A job that loads nothing and does what it is told, in the real queue, worker and processes."""

from django.db import models

from readerstudy.jobs.models import Job


class LightJob(Job):
    """``does`` says what its runs do, one word an attempt; the last holds for all further ones."""

    does = models.CharField(max_length=100, default="finish")
    results = models.PositiveIntegerField(default=0, help_text="How often it was done")
