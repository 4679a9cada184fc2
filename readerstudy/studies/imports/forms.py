"""What is given to begin an import: its kind, and an upload or a folder of the server's."""

from pathlib import Path

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from readerstudy.imaging.problems import printable
from readerstudy.studies.imports import source_storage
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Study


class SourceForm(forms.Form):
    """One source: either a file that is uploaded, or a folder of the server's."""

    upload = forms.FileField(
        required=False,
        label="File",
        help_text="A ZIP with the table and its images, or a CSV file for a table without images",
    )
    folder = forms.CharField(
        required=False,
        max_length=1000,
        label="Or a folder on the server",
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if settings.IMPORT_ROOTS:
            roots = ", ".join(map(str, settings.IMPORT_ROOTS))
            self.fields["folder"].help_text = f"Full path, below one of: {roots}"
        else:
            del self.fields["folder"]

    def clean_upload(self) -> UploadedFile | None:
        upload = self.cleaned_data["upload"]
        if upload and upload.size > source_storage.most_bytes():
            raise forms.ValidationError(
                f"The file is larger than {settings.IMPORT_MAX_UPLOAD_MIB} MiB. Split the "
                "import, or use a folder on the server."
            )
        return upload

    def clean_folder(self) -> Path | None:
        text = self.cleaned_data["folder"]
        try:
            return source_storage.allowed_folder(text) if text else None
        except source_storage.FolderRefused as refused:
            raise forms.ValidationError(str(refused)) from None

    def clean(self) -> dict:
        given = super().clean()
        if not self.errors and bool(given.get("upload")) == bool(given.get("folder")):
            raise forms.ValidationError("Choose one source: a file or a folder on the server.")
        return given

    def store_source(self) -> dict:
        """Where the source waits from now on, as ``queue.queue_dry_run`` wants it."""
        if folder := self.cleaned_data.get("folder"):
            label = printable(folder.name, limit=200)
            return {"path": str(folder), "label": label, "is_folder": True}
        upload = self.cleaned_data["upload"]
        path = source_storage.keep_upload(Path(upload.temporary_file_path()))
        return {"path": path, "label": printable(upload.name, limit=200), "is_folder": False}


class CohortImportForm(SourceForm):
    """What comes into a cohort."""

    kind = forms.ChoiceField(label="What to import", widget=forms.RadioSelect)
    field_order = ["kind", "upload", "folder"]

    def __init__(self, *args, kinds: list[ImportJob.Kind], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in kinds]


class ScreeningImportForm(SourceForm):
    """A screening log, which is of a whole study."""

    study = forms.ModelChoiceField(Study.objects.none(), help_text="Drafts only")
    field_order = ["study", "upload", "folder"]

    def __init__(self, *args, studies, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["study"].queryset = studies
