"""Model versions, imports of predictions and jobs in Django admin."""

from functools import partial
from pathlib import Path

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path

from inference import progress, queue, weights_uploads
from inference.clahdm.hierarchical_probabilities import DEFAULT_THRESHOLD
from inference.models import InferenceJob, ModelVersion, Prediction, WeightsUpload
from readerstudy.accounts.request_body_limits import takes_upload
from readerstudy.audit.admin import ReadOnlyAdmin
from readerstudy.imaging import ImportRefused
from readerstudy.jobs import dispatch
from readerstudy.jobs.broker import BROKER_DOWN
from readerstudy.studies import permissions
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action
from readerstudy.studies.role_limited_admin import ByRole

MAX_UPLOAD_BYTES = 2**30
PROBLEMS_SHOWN = 500
UPLOADS_SHOWN = 20


def _require_upload_size(upload: UploadedFile) -> None:
    if upload.size > MAX_UPLOAD_BYTES:
        raise forms.ValidationError(f"The file is larger than {MAX_UPLOAD_BYTES // 2**20} MiB.")


def _require_printable(text: str) -> str:
    if not text.isprintable():
        raise forms.ValidationError("Use characters that can be printed, without line breaks.")
    return text


class ModelVersionForm(forms.ModelForm):
    """Name, version and a weights file, which a worker checks before it counts."""

    weights_file = forms.FileField(help_text="A .safetensors file with its model card")

    class Meta:
        model = ModelVersion
        fields = ["name", "version"]

    def clean_name(self) -> str:
        return _require_printable(self.cleaned_data["name"])

    def clean_version(self) -> str:
        return _require_printable(self.cleaned_data["version"])

    def clean_weights_file(self) -> UploadedFile:
        _require_upload_size(self.cleaned_data["weights_file"])
        return self.cleaned_data["weights_file"]


class PredictionsForm(forms.Form):
    """Which predictions, of which model, for which study."""

    study = forms.ModelChoiceField(
        Study.objects.none(),  # the page says whose
        help_text="Stage 2 of this study will show these predictions. Drafts only",
    )
    name = forms.CharField(max_length=64, help_text="Name of the model, as shown on pages")
    version = forms.CharField(max_length=32)
    threshold = forms.FloatField(
        min_value=0,
        max_value=1,
        initial=DEFAULT_THRESHOLD,
        help_text="The model's decision is malignant from this probability of malignancy",
    )
    archive = forms.FileField(
        label="ZIP file", help_text="predictions.csv and, if available, heatmaps"
    )

    def clean_archive(self) -> UploadedFile:
        _require_upload_size(self.cleaned_data["archive"])
        return self.cleaned_data["archive"]


@admin.register(ModelVersion)
class ModelVersionAdmin(ByRole, ReadOnlyAdmin):
    """A version is added from a checked file, or with its predictions, and never changed."""

    change_list_template = "admin/inference/model_versions.html"
    list_display = [
        "name", "version", "is_external", "architecture", "is_trained", "threshold", "sha256",
    ]  # fmt: skip
    list_filter = ["is_external", "architecture", "is_trained"]
    search_fields = ["name", "version", "sha256"]

    def has_add_permission(self, request):
        return super(ReadOnlyAdmin, self).has_add_permission(request)

    @takes_upload(
        may=lambda self, request, **_kwargs: self.has_add_permission(request),
        most=lambda: MAX_UPLOAD_BYTES,
    )
    def add_view(self, request, form_url="", extra_context=None):
        """Take a weights file, and show what became of those that were given before."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ModelVersionForm(request.POST or None, request.FILES or None)
        if form.is_valid():
            upload = form.cleaned_data["weights_file"]
            weights_uploads.request_registration(
                Path(upload.temporary_file_path()),
                name=form.cleaned_data["name"],
                version=form.cleaned_data["version"],
                label=upload.name[:200],
                by=request.user,
                if_undelivered=partial(messages.warning, request, BROKER_DOWN),
            )
            return redirect("admin:inference_modelversion_add")
        uploads = WeightsUpload.objects.select_related("created_by", "model_version")
        own = uploads.filter(created_by=request.user)
        if is_under_way := own.filter(state__in=["queued", "running"]).exists():
            dispatch.look_after(weights_uploads.KIND)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Add model version",
            "adminform": AdminForm(form, [(None, {"fields": list(form.fields)})], {}),
            "uploads": uploads[:UPLOADS_SHOWN],
            "is_under_way": is_under_way,
        }
        return TemplateResponse(request, "admin/inference/add_model_version.html", context)

    def get_fields(self, request, obj=None):
        return [*self.list_display, "card"]

    def get_urls(self):
        view = self.admin_site.admin_view(self.import_predictions_view)
        name = "inference_modelversion_import_predictions"
        return [path("import-predictions/", view, name=name), *super().get_urls()]

    def may_import(self, request: HttpRequest) -> bool:
        """An import adds a version, and changes which one the study shows."""
        return permissions.may_anywhere(request.user, Action.IMPORT_PREDICTIONS)

    def changelist_view(self, request, extra_context=None):
        context = {"may_import": self.may_import(request)}
        return super().changelist_view(request, context | (extra_context or {}))

    @takes_upload(may=may_import, most=lambda: MAX_UPLOAD_BYTES)
    def import_predictions_view(self, request: HttpRequest) -> HttpResponse:
        """Take a ZIP of predictions made elsewhere; what is wrong with it is listed in the page."""
        if not self.may_import(request):
            raise PermissionDenied
        form = PredictionsForm(request.POST or None, request.FILES or None)
        own = permissions.studies_for(request.user, Action.IMPORT_PREDICTIONS)
        form.fields["study"].queryset = own.filter(state=Study.State.DRAFT)
        problems = ()
        if form.is_valid():
            try:
                self._import(request, form.cleaned_data)
                return redirect("admin:inference_modelversion_changelist")
            except ImportRefused as refused:
                problems = refused.problems
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Import predictions",
            "adminform": AdminForm(form, [(None, {"fields": list(form.fields)})], {}),
            "problems": problems[:PROBLEMS_SHOWN],
            "problem_count": len(problems),
        }
        return TemplateResponse(request, "admin/inference/import_predictions.html", context)

    def _import(self, request: HttpRequest, given: dict) -> None:
        """Raises ImportRefused."""
        from inference.predictions_import import (
            import_predictions,  # with NumPy, which no other page needs
        )

        archive = given.pop("archive")
        imported = import_predictions(
            source=Path(archive.temporary_file_path()),
            label=archive.name,
            by=request.user.get_username(),
            **given,
        )
        for sentence in imported.sentences():
            self.message_user(request, sentence)


@admin.register(InferenceJob)
class InferenceJobAdmin(ByRole, ReadOnlyAdmin):
    """Jobs, with progress, rate and time left above the list."""

    change_list_template = "admin/inference/jobs.html"
    list_display = [
        "pk", "case", "model_version", "state", "attempts", "heartbeat_at", "worker", "reason",
        "not_before", "notes",
    ]  # fmt: skip
    list_select_related = ["case__cohort__study", "model_version"]
    list_filter = ["state", "model_version", "case__cohort__study"]
    search_fields = ["case__case_id", "reason", "worker"]

    def get_queryset(self, request):
        same = ("case", "model_version", "input_sha256")
        prediction = Prediction.objects.filter(**{name: OuterRef(name) for name in same})
        return super().get_queryset(request).annotate(notes=Subquery(prediction.values("notes")))

    @admin.display(description="Poor images")
    def notes(self, job: InferenceJob) -> str:
        return " ".join(job.notes or [])

    def changelist_view(self, request, extra_context=None):
        dispatch.look_after(queue.KIND)
        jobs = self.own(request, InferenceJob.objects.order_by())
        return super().changelist_view(request, {"progress": progress.by_version(jobs)})
