"""Readers and the study's life cycle in Django admin. Submitted readings can only be looked at."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from inference.models import StudyModel
from readerstudy.audit.admin import ReadOnlyAdmin
from readerstudy.audit.log import record
from readerstudy.cohorts import roles
from readerstudy.cohorts.admin import DraftOnly, DraftOnlyInline, StudyAdmin
from readerstudy.cohorts.by_role import ByRole, InlineByRole
from readerstudy.cohorts.models import Study
from readerstudy.cohorts.roles import Action
from readerstudy.reading import lifecycle
from readerstudy.reading.membership_admin import AuditsMemberships, MembershipInline
from readerstudy.reading.models import (
    Assignment,
    Consent,
    DisplayCheck,
    PracticeReading,
    Profile,
    Reader,
    Reading,
    ReadingOrder,
)

SEALED = "sealed"


class StudyModelInline(DraftOnlyInline, InlineByRole, admin.StackedInline):
    model = StudyModel


class ReaderInline(DraftOnlyInline, InlineByRole, admin.TabularInline):
    model = Reader
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Study)
class StudyWithLifecycleAdmin(AuditsMemberships, StudyAdmin):
    """The study's page: what it is made of, what is missing, and the steps of its life."""

    inlines = [*StudyAdmin.inlines, StudyModelInline, ReaderInline, MembershipInline]
    readonly_fields = [*StudyAdmin.readonly_fields, "still_missing"]
    actions = ["run_model", "open_studies", "lock_studies", "unblind_studies"]

    @admin.display(description="Still missing before it can open")
    def still_missing(self, study: Study) -> str:
        if not study.pk or study.state != Study.State.DRAFT:
            return "-"
        return "\n".join(lifecycle.missing_to_open(study)) or "Nothing: it can be opened."

    @admin.action(description="Run the model on all testing cases", permissions=["change"])
    def run_model(self, request: HttpRequest, studies: QuerySet[Study]) -> None:
        self._step(
            request, studies, Action.RUN_MODEL, lifecycle.run_model, "The model's jobs are queued"
        )

    @admin.action(description="Open: draw orders, freeze the protocol", permissions=["change"])
    def open_studies(self, request: HttpRequest, studies: QuerySet[Study]) -> None:
        self._step(request, studies, Action.OPEN, lifecycle.open_study, "Open")

    @admin.action(description="Lock: take no more readings", permissions=["change"])
    def lock_studies(self, request: HttpRequest, studies: QuerySet[Study]) -> None:
        self._step(request, studies, Action.LOCK, lifecycle.lock_study, "Locked")

    @admin.action(description="Unblind: unseal the results", permissions=["change"])
    def unblind_studies(self, request: HttpRequest, studies: QuerySet[Study]) -> None:
        self._step(request, studies, Action.UNBLIND, lifecycle.unblind_study, "Unblinded")

    def _step(self, request, studies, action: Action, step: Callable, done: str) -> None:
        for study in studies:
            if not roles.may(request.user, action, study):  # of a study that they only look at
                record(f"study.{action}", request=request, study=study.slug, refused=True)
                self.message_user(request, f"{study}: you may not do this.", messages.ERROR)
                continue
            try:
                step(study, by=request.user.get_username())
                self.message_user(request, f"{study}: {done}.")
            except lifecycle.NotPossible as refusal:
                self.message_user(request, f"{study}: {refusal}", messages.ERROR)


@admin.register(Reader)
class ReaderAdmin(DraftOnly, ByRole, admin.ModelAdmin):
    list_display = ["code", "study", "user", "group", "years_of_experience"]
    list_select_related = ["study", "user"]
    list_filter = ["study", "group"]
    search_fields = ["code", "user__username", "user__last_name"]
    autocomplete_fields = ["user"]


@admin.register(ReadingOrder)
class ReadingOrderAdmin(ByRole, ReadOnlyAdmin):
    list_display = ["reader", "stage", "seed", "algorithm", "order_sha256"]
    list_select_related = ["reader__study"]
    list_filter = ["reader__study", "stage"]
    search_fields = ["reader__code"]


@admin.register(Assignment)
class AssignmentAdmin(ByRole, ReadOnlyAdmin):
    list_display = ["reader", "stage", "position", "case"]
    list_select_related = ["reader__study", "case__cohort__study"]
    list_filter = ["reader__study", "stage"]
    search_fields = ["reader__code", "case__case_id"]


@admin.register(Reading)
class ReadingAdmin(ByRole, ReadOnlyAdmin):
    """The diagnoses stay sealed here too until the study is unblinded."""

    fields = list_display = ["assignment", "started_at", "submitted_at", "malignancy_", "etiology_"]
    list_select_related = ["assignment__reader__study"]
    list_filter = ["assignment__reader__study", "assignment__stage"]
    search_fields = ["assignment__reader__code", "assignment__case__case_id"]

    def lookup_allowed(self, lookup, value, request):
        """A filter in the address would tell what the list hides."""
        sealed = lookup.startswith(("malignancy", "etiology"))
        return not sealed and super().lookup_allowed(lookup, value, request)

    @admin.display(description="malignancy")
    def malignancy_(self, reading: Reading) -> str:
        return reading.get_malignancy_display() if _is_unsealed(reading) else SEALED

    @admin.display(description="etiology")
    def etiology_(self, reading: Reading) -> str:
        return reading.get_etiology_display() if _is_unsealed(reading) else SEALED


class OfReaderAdmin(ByRole, ReadOnlyAdmin):
    """What a reader told before the first case."""

    list_select_related = ["reader__study"]
    list_filter = ["reader__study"]
    search_fields = ["reader__code"]


@admin.register(Consent)
class ConsentAdmin(OfReaderAdmin):
    list_display = ["reader", "at", "information_sha256"]


@admin.register(Profile)
class ProfileAdmin(OfReaderAdmin):
    list_display = [
        "reader", "years_of_ultrasound", "years_of_neck_ultrasound", "neck_scans_a_week", "ai_use",
    ]  # fmt: skip


@admin.register(DisplayCheck)
class DisplayCheckAdmin(OfReaderAdmin):
    list_display = ["reader", "at", "passed"]
    exclude = ["session"]


@admin.register(PracticeReading)
class PracticeReadingAdmin(OfReaderAdmin):
    """Not sealed: the answers to practice are told, and are no results."""

    list_display = ["reader", "case", "malignancy", "etiology", "at"]
    list_select_related = ["reader__study", "case__cohort__study"]


def _is_unsealed(reading: Reading) -> bool:
    return reading.assignment.reader.study.state == Study.State.UNBLINDED
