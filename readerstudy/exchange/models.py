"""Bundles that came in, and bundles that were requested."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from readerstudy.audit.append_only import append_only
from readerstudy.jobs.models import Job
from readerstudy.studies.models import Study


@append_only()
class ImportedStudy(models.Model):
    """A study came from another site in this bundle.

    What the origin recorded of it, its audit events above all, is kept as a document: it is no
    part of this site's own log.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    bundle_sha256 = models.CharField(max_length=64, help_text="Digest of the whole bundle")
    manifest = models.JSONField(help_text="The bundle's manifest")
    records = models.FileField(
        upload_to="handover", max_length=100, help_text="The origin's records, a ZIP"
    )
    sha256 = models.CharField(max_length=64, help_text="Digest of the ZIP of records")
    imported_at = models.DateTimeField(db_default=Now(), editable=False)
    imported_by = models.CharField(max_length=150, help_text="Username")

    class Meta:
        verbose_name_plural = "imported studies"
        ordering = ["pk"]

    def __str__(self):
        return f"Import of {self.study.slug}, bundle {self.bundle_sha256[:12]}"


class StudyExport(Job):
    """A bundle that was requested in the browser.

    The file lies outside the media, under ``settings.VAR_DIR``: it can be made anew at any time,
    and only a study's newest one is kept.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    with_images = models.BooleanField(default=True)
    with_names = models.BooleanField(default=False)
    file = models.CharField(max_length=100, blank=True, help_text="Name under the exports' folder")
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "failed"]),
                name="export_state_known",
            ),
        ]

    def __str__(self):
        return f"Export {self.pk} of {self.study.slug}"
