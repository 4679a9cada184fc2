"""Model versions and jobs in Django admin."""

from pathlib import Path

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.db.models import OuterRef, Subquery

from inference import progress, registry
from inference.clahdm.card import WeightsError
from inference.models import InferenceJob, ModelVersion, Prediction
from readerstudy.audit.admin import ReadOnlyAdmin

MAX_UPLOAD_BYTES = 2**30


class ModelVersionForm(forms.ModelForm):
    """Name, version and a weights file, which is loaded in a process apart before it counts."""

    weights_file = forms.FileField(help_text="A .safetensors file with its model card")

    class Meta:
        model = ModelVersion
        fields = ["name", "version"]

    def clean_weights_file(self) -> UploadedFile:
        upload = self.cleaned_data["weights_file"]
        if upload.size > MAX_UPLOAD_BYTES:
            raise forms.ValidationError(f"The file is over {MAX_UPLOAD_BYTES // 2**20} MiB.")
        try:
            self.checked = registry.inspect(Path(upload.temporary_file_path()))
        except WeightsError as error:
            raise forms.ValidationError(f"Not accepted: {error}.") from None
        if ModelVersion.objects.filter(sha256=self.checked.sha256).exists():
            raise forms.ValidationError("These very weights are registered already.")
        return upload


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """A version is added from a checked file and never changed."""

    form = ModelVersionForm
    list_display = ["name", "version", "architecture", "is_trained", "threshold", "sha256"]
    list_filter = ["architecture", "is_trained"]
    search_fields = ["name", "version", "sha256"]

    def has_add_permission(self, request):
        return super(ReadOnlyAdmin, self).has_add_permission(request)

    def get_fields(self, request, obj=None):
        added = ["name", "version", "weights_file"]
        shown = ["name", "version", "architecture", "is_trained", "threshold", "sha256", "card"]
        return shown if obj else added

    def save_model(self, request, obj, form, change):
        kept = registry.register(
            name=obj.name,
            version=obj.version,
            checked=form.checked,
            by=request.user.get_username(),
        )
        obj.pk = kept.pk


@admin.register(InferenceJob)
class InferenceJobAdmin(ReadOnlyAdmin):
    """Jobs, with progress, rate and time left above the list."""

    change_list_template = "admin/inference/jobs.html"
    list_display = [
        "pk", "case", "model_version", "state", "attempts", "heartbeat_at", "worker", "reason",
        "notes",
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
        return super().changelist_view(request, {"progress": progress.by_version()})
