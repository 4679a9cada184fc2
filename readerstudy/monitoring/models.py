"""Which workers and beats there are, and when each was last heard of."""

from django.db import models


class BackgroundProcess(models.Model):
    """A worker or beat. Its row goes when it ends as it was told to; one that was killed stays."""

    class Role(models.TextChoices):
        WORKER = "worker", "Worker"
        BEAT = "beat", "Beat"

    name = models.CharField(max_length=200, unique=True, help_text="As gpu0@machine")
    role = models.CharField(max_length=6, choices=Role)
    queues = models.CharField(max_length=100, blank=True, help_text="What a worker takes from")
    version = models.CharField(max_length=60, help_text="Of its code")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="Its last sign of life")

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "background processes"

    def __str__(self):
        return f"{self.role} {self.name}"
