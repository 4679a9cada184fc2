"""What was done, by whom, when and from where: append-only, refused attempts included."""

from django.db import models
from django.db.models.functions import Now

from readerstudy.audit.append_only import append_only


@append_only()
class AuditEvent(models.Model):
    """One event. People and objects are named in text: the log outlives what it speaks of."""

    class Outcome(models.TextChoices):
        DONE = "done"
        REFUSED = "refused"

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=150, blank=True, help_text="Username; blank: the system")
    action = models.CharField(max_length=64)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.DONE)
    study = models.CharField(max_length=64, blank=True, help_text="Slug of the study")
    target = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["study", "action"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=["done", "refused"]), name="audit_outcome_known"
            )
        ]

    def __str__(self):
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor or 'system'} {self.action} {self.outcome}"
