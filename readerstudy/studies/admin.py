"""Cohorts in Django admin. What a study rests on can't be changed once it is open."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse

from readerstudy.accounts.request_body_limits import takes_upload
from readerstudy.audit.admin import AuditEventAdmin
from readerstudy.audit.models import AuditEvent
from readerstudy.studies.imports import permissions, queue, source_storage
from readerstudy.studies.imports.admin import begin_import, form_page
from readerstudy.studies.imports.forms import CohortImportForm
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    Protocol,
    ReferenceStandard,
    Study,
)
from readerstudy.studies.review.pages import ReviewsImages
from readerstudy.studies.role_limited_admin import ByRole, InlineByRole


class DraftOnly:
    """Mixin: rows of a study can be changed while that study is a draft."""

    study_lookup = "study"

    def _is_draft(self, obj) -> bool:
        for name in self.study_lookup.split("__"):
            obj = getattr(obj, name, None)
        return obj is None or obj.state == Study.State.DRAFT

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        """Nothing is added to a study under way: only drafts are offered."""
        field, *rest = self.study_lookup.split("__")
        if db_field.name == field:
            lookup = "__".join([*rest, "state"])
            manager = db_field.remote_field.model.objects
            kwargs["queryset"] = manager.filter(**{lookup: Study.State.DRAFT})
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and (not obj or self._is_draft(obj))

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and (not obj or self._is_draft(obj))


class DraftOnlyInline:
    """Mixin for inlines, whose ``obj`` is the parent: the study itself."""

    def _may(self, allowed: bool, obj) -> bool:
        return allowed and (obj is None or obj.state == Study.State.DRAFT)

    def has_add_permission(self, request, obj=None):
        return self._may(super().has_add_permission(request, obj), obj)

    def has_change_permission(self, request, obj=None):
        return self._may(super().has_change_permission(request, obj), obj)

    def has_delete_permission(self, request, obj=None):
        return self._may(super().has_delete_permission(request, obj), obj)


class ProtocolForm(forms.ModelForm):
    """The protocol, explained for the page. The model's own help goes into the data dictionary."""

    class Meta:
        labels = {
            "stratify_by_cohort": "Balance cohorts",
            "rates_aid": "AI ratings",
            "information": "Study information",
            "asks_profile": "Reader profile",
            "checks_display": "Display check",
            "session_minutes": "Minutes before a break",
        }
        help_texts = {
            "washout_days": "Two-session design: days between a reader's two stages",
            "seed": "The reading orders of all readers are drawn from this seed",
            "stratify_by_cohort": "Distribute each cohort evenly over the reading order, instead "
            "of shuffling all cases together",
            "confidence": "Whether and how readers state their confidence in each diagnosis",
            "rates_aid": "Ask in stage 2 how far readers trusted the AI and how useful it was",
            "information": "Study information that readers consent to before the first case. "
            "Leave blank to ask for no consent",
            "asks_profile": "Ask readers about their experience before the first case",
            "checks_display": "Visual check of the display after each sign-in",
            "session_minutes": "Suggest a break after this many minutes. Leave blank for no "
            "suggestion",
            "stage_1_due": "Due date of stage 1",
            "stage_2_due": "Due date of stage 2",
            "plan_before_opening": "The study can be opened only if an analysis plan is "
            "registered. Does not apply to synthetic studies",
            "unblinding_needs_two": "One person requests the unblinding and another confirms it",
        }


class ProtocolInline(DraftOnlyInline, InlineByRole, admin.StackedInline):
    model = Protocol
    form = ProtocolForm
    readonly_fields = ["frozen_at", "frozen_sha256"]
    fieldsets = [
        (
            "Order",
            {"fields": ["design", "washout_days", "seed", "stratify_by_cohort"]},
        ),
        (
            "Questions with each diagnosis",
            {"fields": ["confidence", "rates_aid"]},
        ),
        (
            "Before the first case",
            {
                "description": "Readers complete these steps in this order. Practice comes "
                "last: add a cohort with the role practice. Its readers see the "
                "reference standard after each of its cases.",
                "fields": ["information", "asks_profile", "checks_display"],
            },
        ),
        (
            "Time",
            {
                "description": "Shown to readers. Nothing closes on these dates.",
                "fields": ["session_minutes", "stage_1_due", "stage_2_due"],
            },
        ),
        (
            "Opening and unblinding",
            {"fields": ["plan_before_opening", "unblinding_needs_two"]},
        ),
        ("Frozen at the opening", {"fields": ["frozen_at", "frozen_sha256"]}),
    ]


class CohortInline(DraftOnlyInline, InlineByRole, admin.TabularInline):
    model = Cohort
    extra = 0
    show_change_link = True


class StudyForm(forms.ModelForm):
    """A study, explained for the page."""

    class Meta:
        help_texts = {
            "is_synthetic": "Images or readings are simulated. Every page of the study says so",
            "notice": "Notice on every page of a synthetic study. Leave blank for the standard "
            "notice",
        }


class StudyAdmin(ByRole, admin.ModelAdmin):
    """Registered, with people, model and life cycle, by the reading app."""

    form = StudyForm

    list_display = ["slug", "title", "state", "is_synthetic", "opened_at", "unblinded_at"]
    actions = None  # a study is moved on by the buttons on its page
    list_filter = ["state", "is_synthetic"]
    search_fields = ["slug", "title"]
    prepopulated_fields = {"slug": ["title"]}
    readonly_fields = ["state", "opened_at", "locked_at", "unblinded_at", "archived_at"]
    inlines = [ProtocolInline, CohortInline]

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else self.prepopulated_fields

    def get_readonly_fields(self, request, obj=None):
        under_way = obj and obj.state != Study.State.DRAFT
        fixed = ["slug", "is_synthetic", "notice"] if under_way else []
        return [*self.readonly_fields, *fixed]

    def has_change_permission(self, request, obj=None):
        archived = obj is not None and obj.state == Study.State.ARCHIVED
        return super().has_change_permission(request, obj) and not archived

    def has_delete_permission(self, request, obj=None):
        draft = obj is None or obj.state == Study.State.DRAFT
        return super().has_delete_permission(request, obj) and draft


@admin.register(Cohort)
class CohortAdmin(DraftOnly, ReviewsImages, ByRole, admin.ModelAdmin):
    change_form_template = "admin/cohorts/cohort/change_form.html"
    list_display = ["name", "study", "role", "hospital", "cases", "review_link"]
    list_filter = ["study", "role"]
    search_fields = ["name", "hospital", "study__slug"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(cases=Count("case"))

    @admin.display(ordering="cases")
    def cases(self, cohort: Cohort) -> int:
        return cohort.cases

    def get_urls(self):
        view = self.admin_site.admin_view(self.import_view)
        name = "cohorts_cohort_import"
        return [path("<int:cohort_id>/import/", view, name=name), *super().get_urls()]

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        cohort = self.get_object(request, object_id) if object_id else None
        extra = {"may_import": bool(cohort and _importable(request, cohort))}
        return super().changeform_view(request, object_id, form_url, extra | (extra_context or {}))

    def may_import(self, request: HttpRequest, cohort_id: int) -> bool:
        """Whether they may import anything into this cohort."""
        cohort = self.has_view_permission(request) and self.get_object(request, cohort_id)
        return bool(cohort and _importable(request, cohort))

    @takes_upload(may=may_import, most=source_storage.most_bytes)
    def import_view(self, request: HttpRequest, cohort_id: int) -> HttpResponse:
        """Take a source for this cohort; its dry run is on the page that follows."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        cohort = self.get_object(request, cohort_id)
        if cohort is None:
            raise Http404
        kinds = _importable(request, cohort)
        if not kinds:
            raise PermissionDenied
        form = CohortImportForm(request.POST or None, request.FILES or None, kinds=kinds)
        if form.is_valid():
            kind = form.cleaned_data["kind"]
            try:
                return begin_import(request, form, study=cohort.study, cohort=cohort, kind=kind)
            except queue.ImportNotPossible as refusal:
                form.add_error(None, str(refusal))
        return form_page(
            self, request, form, title=f"Import into {cohort}", kinds=kinds, of=str(cohort),
            back=reverse("admin:cohorts_cohort_change", args=[cohort.pk]),
        )  # fmt: skip


def _importable(request: HttpRequest, cohort: Cohort) -> list[ImportJob.Kind]:
    """The kinds of import that whoever asks may make into a cohort."""
    if cohort.study.state != Study.State.DRAFT:
        return []
    kinds = permissions.importable_kinds(request.user, cohort.study)
    return [kind for kind in kinds if kind != ImportJob.Kind.SCREENING]


class ImageInline(InlineByRole, admin.TabularInline):
    model = Image
    fields = readonly_fields = ["modality", "width", "height", "sha256"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False


class ReferenceStandardInline(InlineByRole, admin.StackedInline):
    """Seen only by those with the permission for the truth."""

    model = ReferenceStandard

    def has_change_permission(self, request, obj=None):
        draft = obj is None or obj.cohort.study.state == Study.State.DRAFT
        return super().has_change_permission(request, obj) and draft

    def has_add_permission(self, request, obj=None):
        draft = obj is None or obj.cohort.study.state == Study.State.DRAFT
        return super().has_add_permission(request, obj) and draft

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Case)
class CaseAdmin(DraftOnly, ByRole, admin.ModelAdmin):
    study_lookup = "cohort__study"
    list_display = [
        "case_id", "cohort", "sex", "age", "diameter_mm", "location", "neck_level", "instrument",
    ]  # fmt: skip
    list_select_related = ["cohort__study"]
    list_filter = ["cohort__study", "cohort", "sex", "instrument"]
    search_fields = ["case_id", "cohort__name", "instrument"]
    inlines = [ImageInline, ReferenceStandardInline]


admin.site.unregister(AuditEvent)


@admin.register(AuditEvent)
class StudysAuditEventAdmin(ByRole, AuditEventAdmin):
    """The log knows of no studies; who may see which of its events is said here."""
