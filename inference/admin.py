from django.contrib import admin

from inference.models import InferenceJob, ModelVersion
from readerstudy.audit.admin import ReadOnlyAdmin


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Versions are registered from the command line, where the file can be checked."""

    list_display = ["name", "version", "architecture", "is_trained", "threshold", "sha256"]
    list_filter = ["architecture", "is_trained"]
    search_fields = ["name", "version", "sha256"]


@admin.register(InferenceJob)
class InferenceJobAdmin(ReadOnlyAdmin):
    list_display = [
        "pk", "case", "model_version", "state", "attempts", "heartbeat_at", "worker", "reason",
    ]  # fmt: skip
    list_select_related = ["case__cohort__study", "model_version"]
    list_filter = ["state", "model_version", "case__cohort__study"]
    search_fields = ["case__case_id", "reason", "worker"]
