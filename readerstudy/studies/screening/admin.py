"""Screening in Django admin: counts typed in, or a log that is imported."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from readerstudy.accounts.request_body_limits import takes_upload
from readerstudy.audit.log import record
from readerstudy.studies.admin import DraftOnly
from readerstudy.studies.imports import permissions, queue, source_storage
from readerstudy.studies.imports.admin import begin_import, form_page
from readerstudy.studies.imports.forms import ScreeningImportForm
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Study
from readerstudy.studies.role_limited_admin import ByRole, InlineByRole
from readerstudy.studies.screening.models import Exclusion, Screening
from readerstudy.studies.screening.screening_consistency import screening_disagreements


class ScreeningForm(forms.ModelForm):
    """A cohort is one of the study's."""

    def clean(self):
        cleaned = super().clean()
        study, cohort = cleaned.get("study"), cleaned.get("cohort")
        if study and cohort and cohort.study_id != study.pk:
            self.add_error("cohort", f"This cohort does not belong to {study}.")
        return cleaned


class ExclusionInline(InlineByRole, admin.TabularInline):
    """Reasons in the order of exclusion. Whoever may change the screening may change them."""

    model = Exclusion
    extra = 0

    def has_add_permission(self, request, obj=None):
        return self._is_draft(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request, obj=None):
        return self._is_draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        return self._is_draft(obj) and super().has_delete_permission(request, obj)

    @staticmethod
    def _is_draft(obj) -> bool:
        return obj is None or obj.study.state == Study.State.DRAFT


@admin.register(Screening)
class ScreeningAdmin(DraftOnly, ByRole, admin.ModelAdmin):
    """One row a cohort, or one for all cohorts together."""

    form = ScreeningForm
    change_list_template = "admin/cohorts/screening/change_list.html"
    list_display = ["study", "cohort", "screened", "enrolled", "agrees"]
    list_select_related = ["study", "cohort__study"]
    list_filter = ["study"]
    inlines = [ExclusionInline]

    @admin.display(description="Does not add up")
    def agrees(self, screening: Screening) -> str:
        return " ".join(screening_disagreements(screening.study)) or "-"

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        screening = form.instance
        detail = {
            "screened": screening.screened,
            "enrolled": screening.enrolled,
            "excluded": [[e.reason, e.note, e.patients] for e in screening.exclusion_set.all()],
        }
        record(
            "study.screening", request=request, study=screening.study.slug,
            target=str(screening), detail=detail,
        )  # fmt: skip

    def get_urls(self):
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="cohorts_screening_import"), *super().get_urls()]

    def changelist_view(self, request, extra_context=None):
        context = {"may_import": self.has_add_permission(request)}
        return super().changelist_view(request, context | (extra_context or {}))

    @takes_upload(
        may=lambda self, request: self.has_add_permission(request), most=source_storage.most_bytes
    )
    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a screening log; its dry run is on the page that follows."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ScreeningImportForm(
            request.POST or None, request.FILES or None, studies=self._studies(request)
        )
        kind = ImportJob.Kind.SCREENING
        if form.is_valid():
            study = form.cleaned_data["study"]
            try:
                return begin_import(request, form, study=study, cohort=None, kind=kind)
            except queue.ImportNotPossible as refusal:
                form.add_error(None, str(refusal))
        return form_page(
            self, request, form, title="Import a screening log", kinds=[kind], of="Screenings",
            back=reverse("admin:cohorts_screening_changelist"),
        )  # fmt: skip

    def _studies(self, request: HttpRequest):
        drafts = Study.objects.filter(state=Study.State.DRAFT)
        allowed = [
            study.pk
            for study in drafts
            if ImportJob.Kind.SCREENING in permissions.importable_kinds(request.user, study)
        ]
        return drafts.filter(pk__in=allowed)
