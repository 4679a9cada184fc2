"""An import as a row: what was given, how far it is, and what is wrong with it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from readerstudy.jobs.models import Job


class ImportJob(Job):
    """One import, from upload to end.

    uploaded → checking → checked → confirmed → committing → done; or failed, or cancelled.
    """

    class Kind(models.TextChoices):
        CASES_WITH_TRUTH = "cases_truth", "Cases with their reference standard"
        CASES = "cases", "Cases and baseline characteristics only"
        TRUTH = "truth", "Reference standards only"
        SCREENING = "screening", "Screening log"

        @property
        def has_truth(self) -> bool:
            """Whether its source tells the truth of cases."""
            return self in (self.CASES_WITH_TRUTH, self.TRUTH)

        @property
        def has_cases(self) -> bool:
            """Whether it brings cases with images."""
            return self in (self.CASES_WITH_TRUTH, self.CASES)

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Waiting for the dry run"
        CHECKING = "checking", "Dry run in progress"
        CHECKED = "checked", "Dry run done"
        CONFIRMED = "confirmed", "Waiting to be imported"
        COMMITTING = "committing", "Importing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    RUNNING_STATES = {State.UPLOADED: State.CHECKING, State.CONFIRMED: State.COMMITTING}

    study = models.ForeignKey("cohorts.Study", on_delete=models.PROTECT)
    cohort = models.ForeignKey(
        "cohorts.Cohort", on_delete=models.PROTECT, null=True, help_text="None: a screening log"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    label = models.CharField(max_length=200, help_text="The file's or folder's own name")
    path = models.CharField(
        max_length=1024, help_text="Under the media root for an upload, else the server's folder"
    )
    is_folder = models.BooleanField(default=False)
    sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the names and SHA-256 of all files that were read"
    )

    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    progress = models.PositiveIntegerField(default=0, help_text="Rows done of the step in hand")
    rows = models.PositiveIntegerField(default=0)
    summary = models.JSONField(default=dict, help_text="What the dry run found; no truth")
    truth_summary = models.JSONField(default=dict, help_text="What it found of the truth")
    problems = models.JSONField(default=list, help_text="The first ones: file, row, column, text")
    problem_count = models.PositiveIntegerField(default=0)
    sheet = models.CharField(max_length=100, blank=True, help_text="File of the thumbnails")

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    checked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="screening", cohort__isnull=True)
                | Q(kind__in=["cases_truth", "cases", "truth"], cohort__isnull=False),
                name="import_of_a_cohort_or_study",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["done", "failed", "cancelled"], finished_at__isnull=False)
                | Q(
                    state__in=["uploaded", "checking", "checked", "confirmed", "committing"],
                    finished_at__isnull=True,
                ),
                name="import_state_known",
            ),
        ]

    def __str__(self):
        return f"Import {self.pk} of {self.label}"

    @property
    def kind_of(self) -> Kind:
        """The kind, with what it knows of itself."""
        return self.Kind(self.kind)

    @property
    def can_be_imported(self) -> bool:
        """Whether its dry run was clean, and nobody has said yes or no yet."""
        return self.state == self.State.CHECKED and not self.problem_count

    @property
    def can_be_cancelled(self) -> bool:
        """Whether it has not begun to be imported."""
        State = self.State
        return self.state in (
            State.UPLOADED, State.CHECKING, State.CHECKED, State.CONFIRMED
        )  # fmt: skip
