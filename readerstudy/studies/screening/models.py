"""Patients screened, excluded and enrolled, as counts."""

from django.db import models
from django.db.models import Q

from readerstudy.audit.append_only import frozen_when
from readerstudy.diagnosis import choices
from readerstudy.studies.clinical_vocabulary import ExclusionReason
from readerstudy.studies.db_conditions import SCREENING_UNDER_WAY, STUDY_UNDER_WAY


@frozen_when(STUDY_UNDER_WAY)
class Screening(models.Model):
    """The patients of one cohort, or of a study whose cohorts were screened together."""

    study = models.ForeignKey("cohorts.Study", on_delete=models.PROTECT)
    cohort = models.ForeignKey(
        "cohorts.Cohort",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        help_text="Blank: all cohorts of the study were screened together",
    )
    screened = models.PositiveIntegerField(help_text="Patients")
    enrolled = models.PositiveIntegerField(help_text="Patients")

    class Meta:
        ordering = ["study", "cohort"]
        constraints = [
            models.UniqueConstraint(fields=["study", "cohort"], name="screening_once"),
            models.UniqueConstraint(
                fields=["study"], condition=Q(cohort__isnull=True), name="screening_together_once"
            ),
        ]

    def __str__(self):
        return f"Screening of {self.cohort or self.study}"


@frozen_when(SCREENING_UNDER_WAY)
class Exclusion(models.Model):
    """Patients excluded for one reason. Each patient counts once, under the first that applied."""

    screening = models.ForeignKey(Screening, on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField(help_text="Order of exclusion, from 1")
    reason = models.CharField(max_length=24, choices=choices(ExclusionReason))
    note = models.CharField(max_length=200, blank=True, help_text="The reason in your own words")
    patients = models.PositiveIntegerField()

    class Meta:
        ordering = ["screening", "position"]
        constraints = [
            models.UniqueConstraint(fields=["screening", "position"], name="exclusion_place_once"),
            models.UniqueConstraint(
                fields=["screening", "reason", "note"], name="exclusion_reason_once"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=[reason.value for reason in ExclusionReason]),
                name="exclusion_reason_known",
            ),
            models.CheckConstraint(
                condition=~Q(reason="other", note=""), name="exclusion_other_is_told"
            ),
        ]

    def __str__(self):
        return f"{self.reason_text}: {self.patients}"

    @property
    def reason_text(self) -> str:
        """The reason for people, in the words of whoever screened where there are any."""
        return self.note or self.get_reason_display()
