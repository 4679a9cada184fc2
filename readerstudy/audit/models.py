"""What was done, by whom, when and from where: append-only, refused attempts included."""

from django.db import models

from readerstudy.audit.append_only import append_only


@append_only()
class AuditEvent(models.Model):
    """One event. People and objects are named in text: the log outlives what it speaks of.

    ``sha256`` is of the event's content and of ``previous_sha256``, which is that of the event
    before it; ``seal`` is made of it with a key that is not in the database. See ``chain.py``.
    """

    class Outcome(models.TextChoices):
        DONE = "done"
        REFUSED = "refused"

    number = models.BigIntegerField(primary_key=True, help_text="1 is the first; without a gap")
    at = models.DateTimeField(editable=False)
    actor = models.CharField(max_length=150, blank=True, help_text="Username; blank: the system")
    action = models.CharField(max_length=64)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.DONE)
    study = models.CharField(max_length=64, blank=True, help_text="Slug of the study")
    target = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    previous_sha256 = models.CharField(max_length=64, blank=True, help_text="Blank: the first")
    sha256 = models.CharField("SHA-256", max_length=64)
    seal = models.CharField(max_length=80, help_text="Which key, and its HMAC of the SHA-256")

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["study", "action"]),
            models.Index(fields=["study", "-number"], name="audit_of_study"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=["done", "refused"]), name="audit_outcome_known"
            )
        ]

    def __str__(self):
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor or 'system'} {self.action} {self.outcome}"
