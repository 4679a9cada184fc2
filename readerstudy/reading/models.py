"""Who reads what, in which order, and what was read. Orders and readings are append-only."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from readerstudy.audit.append_only import append_only, frozen_when
from readerstudy.cohorts.models import STUDY_UNDER_WAY, Case, Study, consistent_diagnosis
from readerstudy.diagnosis import Etiology, Malignancy, choices


class Stage(models.IntegerChoices):
    """The two readings of a case."""

    UNAIDED = 1, "Stage 1, without AI"
    AIDED = 2, "Stage 2, with AI"


@frozen_when(STUDY_UNDER_WAY)
class Reader(models.Model):
    """A radiologist in one study, with the experience that groups the analysis."""

    class Group(models.TextChoices):
        SENIOR = "senior", "Senior"
        MIDDLE = "middle", "Middle"
        JUNIOR = "junior", "Junior"

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    code = models.CharField(max_length=16, help_text="How tables name this reader, such as R1")
    years_of_experience = models.PositiveSmallIntegerField(help_text="Years of ultrasound")
    group = models.CharField(max_length=6, choices=Group, help_text="Experience group")

    class Meta:
        ordering = ["study", "code"]
        constraints = [
            models.UniqueConstraint(fields=["study", "user"], name="reader_once"),
            models.UniqueConstraint(fields=["study", "code"], name="reader_code_once"),
            models.CheckConstraint(
                condition=Q(group__in=["senior", "middle", "junior"]), name="reader_group_known"
            ),
            models.CheckConstraint(
                condition=Q(years_of_experience__lte=70), name="reader_experience_plausible"
            ),
        ]

    def __str__(self):
        return f"{self.code} in {self.study.slug}"


@append_only()
class ReadingOrder(models.Model):
    """How one reader's order of one stage was drawn; the order itself is its assignments."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT)
    stage = models.PositiveSmallIntegerField(choices=Stage)
    seed = models.BigIntegerField()
    algorithm = models.CharField(max_length=32)
    stratification = models.JSONField(
        help_text="Whether cohorts were spread evenly, and the number of cases in each"
    )
    order_sha256 = models.CharField(max_length=64, help_text="Digest of the realised order")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reader", "stage"], name="order_once"),
            models.CheckConstraint(condition=Q(stage__in=[1, 2]), name="order_stage_known"),
        ]

    def __str__(self):
        return f"Order of {self.reader}, stage {self.stage}"


@append_only()
class Assignment(models.Model):
    """A place in a reader's order. ``code`` is all that the reader's browser ever sees of it."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT)
    stage = models.PositiveSmallIntegerField(choices=Stage)
    position = models.PositiveIntegerField(help_text="1 is first")
    code = models.CharField(max_length=16, unique=True)

    class Meta:
        ordering = ["reader", "stage", "position"]
        constraints = [
            models.UniqueConstraint(fields=["reader", "stage", "position"], name="place_once"),
            models.UniqueConstraint(fields=["reader", "stage", "case"], name="case_once_a_stage"),
            models.CheckConstraint(
                condition=Q(stage__in=[1, 2], position__gte=1), name="assignment_sound"
            ),
        ]

    def __str__(self):
        return f"{self.reader}, stage {self.stage}, place {self.position}"


@append_only()
class Presentation(models.Model):
    """When a case was first shown to its reader, by the server's clock."""

    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self):
        return f"{self.assignment} shown"


@append_only()
class Reading(models.Model):
    """A submitted diagnosis: stage and case are its assignment's."""

    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT)
    malignancy = models.CharField(max_length=9, choices=choices(Malignancy))
    etiology = models.CharField(max_length=32, choices=choices(Etiology))
    idempotency_key = models.UUIDField(unique=True, help_text="Made once for each submit")
    started_at = models.DateTimeField(help_text="When the case was first shown")
    submitted_at = models.DateTimeField()

    class Meta:
        constraints = [
            consistent_diagnosis("reading_consistent"),
            models.CheckConstraint(
                condition=Q(submitted_at__gte=F("started_at")), name="reading_times_in_order"
            ),
        ]

    def __str__(self):
        return f"Reading of {self.assignment}"
