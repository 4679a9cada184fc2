"""What a study consists of: every model of the project is declared here, a line each.

A model is a *table* of the bundle (its rows are exported and imported), a *record* (exported as a
document of the site that it comes from, and kept as one where it is imported), or *left out*, with
the reason. ``tests/exchange/test_study_models.py`` fails on a model that is declared nowhere, and
on a column that nothing describes. To add a model to the bundle: one line in ``TABLES``, after the
tables that it refers to, and the words that ``data_dictionary.py`` lacks.
"""

from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.models import Q, QuerySet

from readerstudy.studies.models import Study

OURS = ("readerstudy.", "inference", "analysis")  # packages of the project's apps
DRAFT, OPEN, LOCKED, UNBLINDED = "draft", "open", "locked", "unblinded"


@dataclass(frozen=True)
class BundleTable:
    """A model whose rows belong to a study.

    ``study`` is the lookup from a row to its study; without one, the rows are those that other
    tables refer to. ``at`` is the state in which the imported study takes the rows, so that no
    guard of the database has to be put aside. ``sealed`` rows are exported before the unblinding
    by explicit wish alone. ``usernames`` are columns that hold a username as text. ``documents``
    are long texts, each written as a file of its own, by column and ending. ``shared`` names the
    column by which a row that the site has already is known; it is then used, never changed.
    ``columns`` are those of a job that belong to the study, in the order in which they are written;
    without them, all of the model's belong. A bundle of an earlier release may lack an
    ``optional`` table.
    """

    name: str
    label: str
    study: str = ""
    at: str = DRAFT
    sealed: bool = False
    usernames: tuple[str, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    shared: str = ""
    columns: tuple[str, ...] = ()
    optional: bool = False

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    @property
    def fields(self) -> list[models.Field]:
        """The model's columns that belong to a study; never its key."""
        if self.columns:
            return [self.model._meta.get_field(name) for name in self.columns]
        return [field for field in self.model._meta.concrete_fields if not field.primary_key]

    @property
    def endings(self) -> dict[str, str]:
        """By column that is written as files: the files' ending."""
        found = dict(self.documents)
        for field in self.fields:
            if isinstance(field, models.BinaryField):
                found[field.name] = "png"
            elif isinstance(field, models.FileField):
                found[field.name] = ""  # as the stored file has it
        return found

    @property
    def nested(self) -> bool:
        """Whether a row doesn't fit a CSV line: JSON, or text that may be null."""
        return any(
            isinstance(field, models.JSONField)
            or (field.null and isinstance(field, models.CharField | models.TextField))
            for field in self.fields
            if field.name not in self.endings
        )

    @property
    def file(self) -> str:
        return f"tables/{self.name}.{'jsonl' if self.nested else 'csv'}"

    def references(self) -> list[models.ForeignKey]:
        """The columns that refer to rows of other tables."""
        return [field for field in self.fields if isinstance(field, models.ForeignKey)]

    def rows(self, study: Study) -> QuerySet:
        """The study's rows, oldest first."""
        where = Q(pk=study.pk) if self.study == "pk" else Q(**{self.study: study})
        return self.model._base_manager.filter(where).order_by("pk")


@dataclass(frozen=True)
class BundleRecord:
    """A model whose rows of a study go along as a document; ``study`` looks up slug or study.

    ``usernames`` are columns that hold a username as text. Events whose action begins as
    ``without`` says are not told.
    """

    name: str
    label: str
    study: str
    usernames: tuple[str, ...]
    without: str = ""

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    @property
    def file(self) -> str:
        return f"records/{self.name}.jsonl"

    def rows(self, study: Study) -> QuerySet:
        by_slug = isinstance(self.model._meta.get_field(self.study), models.CharField)
        value = study.slug if by_slug else study.pk
        rows = self.model._base_manager.filter(**{self.study: value}).order_by("pk")
        return rows.exclude(action__startswith=self.without) if self.without else rows


PEOPLE = BundleTable("people", "accounts.User")
_IN_CASE = "case__cohort__study"
_IN_READER = "reader__study"

# In the order of import: a table stands after those that it refers to.
TABLES: tuple[BundleTable, ...] = (
    BundleTable("models", "inference.ModelVersion", shared="sha256"),
    BundleTable("study", "cohorts.Study", "pk"),
    BundleTable("protocol", "cohorts.Protocol", "study", documents=(("frozen_document", "json"),)),
    BundleTable("members", "cohorts.Membership", "study"),
    BundleTable("cohorts", "cohorts.Cohort", "study"),
    BundleTable("cases", "cohorts.Case", "cohort__study"),
    BundleTable("images", "cohorts.Image", _IN_CASE),
    BundleTable("image_reviews", "cohorts.ImageReview", "image__case__cohort__study",
          usernames=("decided_by",)),
    BundleTable("image_findings", "cohorts.ImageFinding", "image__case__cohort__study",
          usernames=("answered_by",), optional=True),
    BundleTable("similar_images", "cohorts.SimilarImages", "second__case__cohort__study",
          usernames=("answered_by",), optional=True),
    BundleTable("screenings", "cohorts.Screening", "study"),
    BundleTable("exclusions", "cohorts.Exclusion", "screening__study"),
    BundleTable("reference_standards", "cohorts.ReferenceStandard", _IN_CASE, sealed=True),
    BundleTable("study_model", "inference.StudyModel", "study"),
    BundleTable(
        "jobs", "inference.InferenceJob", _IN_CASE,
        columns=(
            "case", "model_version", "input_sha256", "state", "attempts", "strikes",
            "heartbeat_at", "worker", "reason", "created_at", "finished_at",
        ),
    ),
    BundleTable("predictions", "inference.Prediction", _IN_CASE),
    BundleTable("heatmaps", "inference.Heatmap", "prediction__case__cohort__study"),
    BundleTable("readers", "reading.Reader", "study"),
    BundleTable("orders", "reading.ReadingOrder", _IN_READER, at=OPEN),
    BundleTable("assignments", "reading.Assignment", _IN_READER, at=OPEN),
    BundleTable("consents", "reading.Consent", _IN_READER, at=OPEN),
    BundleTable("profiles", "reading.Profile", _IN_READER, at=OPEN),
    BundleTable("display_checks", "reading.DisplayCheck", _IN_READER, at=OPEN),
    BundleTable("practice_readings", "reading.PracticeReading", _IN_READER, at=OPEN),
    BundleTable("presentations", "reading.Presentation", "assignment__reader__study", at=OPEN),
    BundleTable("readings", "reading.Reading", "assignment__reader__study", at=OPEN, sealed=True),
    BundleTable("traces", "reading.Trace", "reading__assignment__reader__study", at=OPEN,
                sealed=True),
    BundleTable("unblinding_requests", "reading.UnblindingRequest", "study", at=LOCKED),
    BundleTable("unblinding_answers", "reading.UnblindingAnswer", "request__study", at=LOCKED),
    BundleTable(
        "plans", "analysis.RegisteredPlan", "study",
        usernames=("registered_by",), documents=(("document", "json"),),
    ),
    BundleTable(
        "runs", "analysis.AnalysisRun", "study", at=UNBLINDED, usernames=("created_by",),
        documents=(("plan_document", "json"), ("results", "json")),
        columns=(
            "study", "number", "plan_document", "plan_sha256", "planned", "created_by",
            "created_at", "state", "worker", "heartbeat_at", "steps_done", "steps", "step",
            "finished_at", "reason", "data_sha256", "code_version", "libraries", "results",
            "results_sha256",
        ),
    ),
    BundleTable("imports", "handover.ImportedStudy", "study", usernames=("imported_by",)),
)  # fmt: skip

EXPORTED = "study.export"  # an export is none of its events: else none would equal the last one
_BY = ("history_user_id",)
RECORDS: tuple[BundleRecord, ...] = (
    BundleRecord("audit", "audit.AuditEvent", "study", usernames=("actor",), without=EXPORTED),
    BundleRecord("history_study", "cohorts.HistoricalStudy", "id", _BY),
    BundleRecord("history_protocol", "cohorts.HistoricalProtocol", "study", _BY),
    BundleRecord("history_cohorts", "cohorts.HistoricalCohort", "study", _BY),
    BundleRecord("history_members", "cohorts.HistoricalMembership", "study", _BY),
    BundleRecord("history_study_model", "inference.HistoricalStudyModel", "study", _BY),
    BundleRecord("history_readers", "reading.HistoricalReader", "study", _BY),
)

EXCLUDED_MODELS: dict[str, str] = {
    "accounts.User_groups": "who may do what is each site's own to say",
    "accounts.User_user_permissions": "who may do what is each site's own to say",
    "accounts.HistoricalUser": "what became of an account is its own site's to tell",
    "monitoring.BackgroundProcess": "which processes a site has is its own matter",
    "accounts.SharedCache": "holds nothing that could not be computed anew",
    "cohorts.ImportJob": "how cases came in, from which folder: the audit log tells of it",
    "cohorts.CandidateFrame": "frames that nobody has chosen are no part of a study",
    "cohorts.ImageThumbnail": "thumbnails are made anew from the images",
    "inference.WeightsUpload": "how weights came in; the audit log tells of their registration",
    "inference.HistoricalModelVersion": "a model is the site's; its version here is in models",
    "analysis.FileSet": "files of runs, which are made anew from the results",
    "analysis.RunFile": "files of runs, which are made anew from the results",
    "handover.StudyExport": "an export's own row; the audit log tells of it",
}


def undeclared_models() -> list[str]:
    """Models of the project that are declared nowhere."""
    declared = {each.label for each in (PEOPLE, *TABLES, *RECORDS)} | set(EXCLUDED_MODELS)
    present = {
        model._meta.label
        for app in apps.get_app_configs()
        if app.name.startswith(OURS)
        for model in app.get_models(include_auto_created=True)
    }
    return sorted(present - declared)
