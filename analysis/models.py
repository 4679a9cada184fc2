"""What was planned before anybody saw a result, and what was computed after."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from readerstudy.audit.append_only import refuses_when
from readerstudy.jobs.models import Job
from readerstudy.studies.models import Study

_STATE = "(SELECT state FROM cohorts_study WHERE id = NEW.study_id)"
_UNSEALED = f"{_STATE} IN ('unblinded', 'archived')"
_ANALYSABLE = f"{_STATE} = 'unblinded'"


@refuses_when(insert=_UNSEALED, update="1 = 1", delete="1 = 1")
class RegisteredPlan(models.Model):
    """An analysis plan, fixed before the study was unblinded.

    A study may register several, as amendments; the last one counts, and the others stay on
    record. The database takes none once the study is unblinded.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    document = models.TextField(help_text="The plan's canonical JSON (analysis/plan.py)")
    sha256 = models.CharField(max_length=64)
    registered_at = models.DateTimeField(db_default=Now(), editable=False)
    registered_by = models.CharField(max_length=150, help_text="Username")

    class Meta:
        ordering = ["study", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(document="") & ~Q(sha256=""), name="registered_plan_with_hash"
            )
        ]

    def __str__(self):
        return f"Plan {self.sha256[:12]} of {self.study.slug}"


_ENDED = "OLD.state IN ('done', 'failed')"
_ASKED_FOR_CHANGES = " OR ".join(
    f"NEW.{column} <> OLD.{column}"
    for column in (
        "study_id", "number", "plan_document", "plan_sha256", "planned", "created_by", "created_at",
    )
)  # fmt: skip


@refuses_when(
    insert=f"NOT ({_ANALYSABLE})",
    update=f"{_ENDED} OR {_ASKED_FOR_CHANGES}",
    delete="1 = 1",
)
class AnalysisRun(Job):
    """One analysis of an unblinded study by one plan, reproducible from what is written here.

    The database takes no run of a study that is not unblinded, or that is archived, deletes none,
    and changes nothing of one that has ended: what was computed once stays, however often it is
    computed again.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    number = models.PositiveIntegerField(help_text="1 is the study's first run")
    plan_document = models.TextField(help_text="The plan's canonical JSON (analysis/plan.py)")
    plan_sha256 = models.CharField(max_length=64)
    planned = models.BooleanField(
        help_text="Whether this very plan was registered before the study was unblinded"
    )
    created_by = models.CharField(max_length=150, help_text="Username")
    steps_done = models.PositiveSmallIntegerField(default=0)
    steps = models.PositiveSmallIntegerField(default=0, help_text="Sections to be computed")
    step = models.CharField(max_length=100, blank=True, help_text="What is being computed")

    data_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Digest of all that was read from the study"
    )
    code_version = models.CharField(max_length=64, blank=True)
    libraries = models.JSONField(default=dict, help_text="Versions that the results rest on")
    results = models.TextField(
        blank=True, help_text="Canonical JSON (analysis/results_document.py)"
    )
    results_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["study", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="run_number_once"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "failed"], finished_at__isnull=False),
                name="run_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="done") & ~Q(results="") & ~Q(results_sha256="")
                | ~Q(state="done") & Q(results="", results_sha256=""),
                name="run_results_when_done",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(reason=""), name="run_failed_with_reason"
            ),
        ]

    def __str__(self):
        return f"Run {self.number} of {self.study.slug}"


class FileSet(Job):
    """The files of a run that is done, as one version of the software makes them; and the job of
    making them.

    ``key`` says what is printed on them and by which code (``file_set_queue.file_set_key``): after
    an upgrade a run has another set.
    """

    run = models.ForeignKey(AnalysisRun, on_delete=models.PROTECT)
    key = models.CharField(max_length=64)
    total = models.PositiveIntegerField(default=0, help_text="Files; 0 until they are listed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="file_set_once")]

    def __str__(self):
        return f"Files of {self.run}"


class RunFile(models.Model):
    """A file of a set: what is stored of it, or why it could not be made.

    Its content lies under ``settings.RUN_FILES_ROOT``, named by its digest (``stored_files``).
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    file_set = models.ForeignKey(FileSet, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(max_length=200, help_text="As in its address: figures/flow.svg")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0, help_text="How often it was begun")
    media_type = models.CharField(max_length=100, blank=True)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes")
    sha256 = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True, help_text="Why it could not be made")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["file_set", "name"], name="run_file_once"),
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(sha256="") & ~Q(media_type=""),
                name="run_file_with_digest",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(reason=""), name="run_file_failed_with_reason"
            ),
        ]

    def __str__(self):
        return f"{self.name} of {self.file_set.run}"
