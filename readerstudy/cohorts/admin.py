"""Cohorts in Django admin. What a study rests on can't be changed once it is open."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse

from readerstudy.audit.admin import AuditEventAdmin
from readerstudy.audit.models import AuditEvent
from readerstudy.cohorts.by_role import ByRole, InlineByRole
from readerstudy.cohorts.imports import permissions, queue
from readerstudy.cohorts.imports.admin import begin, form_page
from readerstudy.cohorts.imports.forms import CohortImportForm
from readerstudy.cohorts.imports.models import ImportJob
from readerstudy.cohorts.models import (
    Case,
    Cohort,
    Image,
    Protocol,
    ReferenceStandard,
    Study,
)
from readerstudy.cohorts.review.pages import ReviewsImages


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


class ProtocolInline(DraftOnlyInline, InlineByRole, admin.StackedInline):
    model = Protocol
    readonly_fields = ["frozen_at", "frozen_sha256"]
    fieldsets = [
        (
            "Order",
            {"fields": ["design", "washout_days", "seed", "stratify_by_cohort"]},
        ),
        (
            "What is asked with each diagnosis",
            {"fields": ["confidence", "rates_aid"]},
        ),
        (
            "Before the first case",
            {
                "description": "Asked in this order. Practice comes last: give the study a cohort "
                "of role practice, and its readers are told the answer of each of its cases.",
                "fields": ["information", "asks_profile", "checks_display"],
            },
        ),
        (
            "Time",
            {
                "description": "What a reader is told. Nothing is shut when a date has passed.",
                "fields": ["session_minutes", "stage_1_due", "stage_2_due"],
            },
        ),
        (
            "Before the opening and at the end",
            {"fields": ["plan_before_opening", "unblinding_needs_two"]},
        ),
        ("Frozen when the study opened", {"fields": ["frozen_at", "frozen_sha256"]}),
    ]


class CohortInline(DraftOnlyInline, InlineByRole, admin.TabularInline):
    model = Cohort
    extra = 0
    show_change_link = True


class StudyAdmin(ByRole, admin.ModelAdmin):
    """Registered, with people, model and life cycle, by the reading app."""

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
                return begin(request, form, study=cohort.study, cohort=cohort, kind=kind)
            except queue.NotPossible as refusal:
                form.add_error(None, str(refusal))
        return form_page(
            self, request, form, title=f"Import into {cohort}", kinds=kinds, of=str(cohort),
            back=reverse("admin:cohorts_cohort_change", args=[cohort.pk]),
        )  # fmt: skip


def _importable(request: HttpRequest, cohort: Cohort) -> list[ImportJob.Kind]:
    """The kinds of import that whoever asks may make into a cohort."""
    if cohort.study.state != Study.State.DRAFT:
        return []
    kinds = permissions.importable(request.user, cohort.study)
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
