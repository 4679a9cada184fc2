"""What is given to begin an import: its kind, and an upload or a folder of the server's."""

from pathlib import Path

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from readerstudy.cohorts.imports import incoming
from readerstudy.cohorts.imports.models import ImportJob
from readerstudy.cohorts.ingest.problems import printable
from readerstudy.cohorts.models import Study


class SourceForm(forms.Form):
    """One source: either a file that is uploaded, or a folder of the server's."""

    upload = forms.FileField(
        required=False,
        label="File",
        help_text="A ZIP with the table and its images; a table without images also as a CSV file",
    )
    folder = forms.CharField(
        required=False,
        max_length=1000,
        label="or a folder of the server's",
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if settings.IMPORT_ROOTS:
            roots = ", ".join(map(str, settings.IMPORT_ROOTS))
            self.fields["folder"].help_text = f"Its whole path, beneath one of these: {roots}"
        else:
            del self.fields["folder"]

    def clean_upload(self) -> UploadedFile | None:
        upload = self.cleaned_data["upload"]
        if upload and upload.size > settings.IMPORT_MAX_UPLOAD_MIB * 2**20:
            raise forms.ValidationError(
                f"The file is over {settings.IMPORT_MAX_UPLOAD_MIB} MiB. Split the import, or put "
                "the files in a folder of the server's."
            )
        return upload

    def clean_folder(self) -> Path | None:
        text = self.cleaned_data["folder"]
        try:
            return incoming.allowed_folder(text) if text else None
        except incoming.FolderRefused as refused:
            raise forms.ValidationError(str(refused)) from None

    def clean(self) -> dict:
        given = super().clean()
        if not self.errors and bool(given.get("upload")) == bool(given.get("folder")):
            raise forms.ValidationError("Give one source: a file, or a folder of the server's.")
        return given

    def kept(self) -> dict:
        """Where the source waits from now on, as ``queue.start`` wants it."""
        if folder := self.cleaned_data.get("folder"):
            label = printable(folder.name, limit=200)
            return {"path": str(folder), "label": label, "is_folder": True}
        upload = self.cleaned_data["upload"]
        path = incoming.keep(Path(upload.temporary_file_path()))
        return {"path": path, "label": printable(upload.name, limit=200), "is_folder": False}


class CohortImportForm(SourceForm):
    """What comes into a cohort."""

    kind = forms.ChoiceField(label="What it brings", widget=forms.RadioSelect)
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
