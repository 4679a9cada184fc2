"""Readers, orders and readings in Django admin. Submitted readings can only be looked at."""

from django.contrib import admin

from readerstudy.audit.admin import ReadOnlyAdmin
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
from readerstudy.reading.study_admin import ReaderForm  # it registers the study's page
from readerstudy.studies.admin import DraftOnly
from readerstudy.studies.role_limited_admin import ByRole

SEALED = "sealed"


@admin.register(Reader)
class ReaderAdmin(DraftOnly, ByRole, admin.ModelAdmin):
    form = ReaderForm
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
    return reading.assignment.reader.study.is_unsealed
