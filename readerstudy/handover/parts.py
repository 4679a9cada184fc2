"""What a study consists of: every model of the project is declared here, a line each.

A model is a *table* of the bundle (its rows are exported and imported), a *record* (exported as a
document of the site that it comes from, and kept as one where it is imported), or *left out*, with
the reason. ``tests/handover/test_parts.py`` fails on a model that is declared nowhere, and on a
column that nothing describes. To add a model to the bundle: one line in ``TABLES``, after the
tables that it refers to, and the words that ``descriptions.py`` lacks.
"""

from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.models import Q, QuerySet

from readerstudy.cohorts.models import Study

OURS = ("readerstudy.", "inference", "analysis")  # packages of the project's apps
DRAFT, OPEN, LOCKED, UNBLINDED = "draft", "open", "locked", "unblinded"


@dataclass(frozen=True)
class Table:
    """A model whose rows belong to a study.

    ``study`` is the lookup from a row to its study; without one, the rows are those that other
    tables refer to. ``at`` is the state in which the imported study takes the rows, so that no
    guard of the database has to be put aside. ``sealed`` rows are exported before the unblinding
    by explicit wish alone. ``usernames`` are columns that hold a username as text. ``documents``
    are long texts, each written as a file of its own, by column and ending. ``shared`` names the
    column by which a row that the site has already is known; it is then used, never changed.
    """

    name: str
    label: str
    study: str = ""
    at: str = DRAFT
    sealed: bool = False
    usernames: tuple[str, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    shared: str = ""

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    @property
    def fields(self) -> list[models.Field]:
        """The model's columns, but for its key."""
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
class Record:
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


PEOPLE = Table("people", "accounts.User")
_IN_CASE = "case__cohort__study"
_IN_READER = "reader__study"

# In the order of import: a table stands after those that it refers to.
TABLES: tuple[Table, ...] = (
    Table("models", "inference.ModelVersion", shared="sha256"),
    Table("study", "cohorts.Study", "pk"),
    Table("protocol", "cohorts.Protocol", "study", documents=(("frozen_document", "json"),)),
    Table("members", "cohorts.Membership", "study"),
    Table("cohorts", "cohorts.Cohort", "study"),
    Table("cases", "cohorts.Case", "cohort__study"),
    Table("images", "cohorts.Image", _IN_CASE),
    Table("image_reviews", "cohorts.ImageReview", "image__case__cohort__study",
          usernames=("decided_by",)),
    Table("screenings", "cohorts.Screening", "study"),
    Table("exclusions", "cohorts.Exclusion", "screening__study"),
    Table("reference_standards", "cohorts.ReferenceStandard", _IN_CASE, sealed=True),
    Table("study_model", "inference.StudyModel", "study"),
    Table("jobs", "inference.InferenceJob", _IN_CASE),
    Table("predictions", "inference.Prediction", _IN_CASE),
    Table("heatmaps", "inference.Heatmap", "prediction__case__cohort__study"),
    Table("readers", "reading.Reader", "study"),
    Table("orders", "reading.ReadingOrder", _IN_READER, at=OPEN),
    Table("assignments", "reading.Assignment", _IN_READER, at=OPEN),
    Table("consents", "reading.Consent", _IN_READER, at=OPEN),
    Table("profiles", "reading.Profile", _IN_READER, at=OPEN),
    Table("display_checks", "reading.DisplayCheck", _IN_READER, at=OPEN),
    Table("practice_readings", "reading.PracticeReading", _IN_READER, at=OPEN),
    Table("presentations", "reading.Presentation", "assignment__reader__study", at=OPEN),
    Table("readings", "reading.Reading", "assignment__reader__study", at=OPEN, sealed=True),
    Table("traces", "reading.Trace", "reading__assignment__reader__study", at=OPEN, sealed=True),
    Table("unblinding_requests", "reading.UnblindingRequest", "study", at=LOCKED),
    Table("unblinding_answers", "reading.UnblindingAnswer", "request__study", at=LOCKED),
    Table(
        "plans", "analysis.RegisteredPlan", "study",
        usernames=("registered_by",), documents=(("document", "json"),),
    ),
    Table(
        "runs", "analysis.AnalysisRun", "study", at=UNBLINDED, usernames=("created_by",),
        documents=(("plan_document", "json"), ("results", "json")),
    ),
    Table("imports", "handover.ImportedStudy", "study", usernames=("imported_by",)),
)  # fmt: skip

EXPORTED = "study.export"  # an export is none of its events: else none would equal the last one
_BY = ("history_user_id",)
RECORDS: tuple[Record, ...] = (
    Record("audit", "audit.AuditEvent", "study", usernames=("actor",), without=EXPORTED),
    Record("history_study", "cohorts.HistoricalStudy", "id", _BY),
    Record("history_protocol", "cohorts.HistoricalProtocol", "study", _BY),
    Record("history_cohorts", "cohorts.HistoricalCohort", "study", _BY),
    Record("history_members", "cohorts.HistoricalMembership", "study", _BY),
    Record("history_study_model", "inference.HistoricalStudyModel", "study", _BY),
    Record("history_readers", "reading.HistoricalReader", "study", _BY),
)

LEFT_OUT: dict[str, str] = {
    "accounts.User_groups": "who may do what is each site's own to say",
    "accounts.User_user_permissions": "who may do what is each site's own to say",
    "accounts.HistoricalUser": "what became of an account is its own site's to tell",
    "accounts.SharedCache": "holds nothing that could not be computed anew",
    "cohorts.ImportJob": "how cases came in, from which folder: the audit log tells of it",
    "cohorts.CandidateFrame": "frames that nobody has chosen are no part of a study",
    "inference.HistoricalModelVersion": "a model is the site's; its version here is in models",
    "handover.StudyExport": "an export's own row; the audit log tells of it",
}


def undeclared() -> list[str]:
    """Models of the project that are declared nowhere."""
    declared = {each.label for each in (PEOPLE, *TABLES, *RECORDS)} | set(LEFT_OUT)
    present = {
        model._meta.label
        for app in apps.get_app_configs()
        if app.name.startswith(OURS)
        for model in app.get_models(include_auto_created=True)
    }
    return sorted(present - declared)
