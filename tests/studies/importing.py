"""Import as an admin does: by the pages, with the worker's part done here and now."""

from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client, TestCase

from readerstudy.jobs import worker
from readerstudy.studies.imports import queue
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Case, Cohort, Image, ReferenceStandard

Kind, State = ImportJob.Kind, ImportJob.State


def upload(
    client: Client, cohort: Cohort, data: bytes, *, kind=Kind.CASES_WITH_TRUTH, name="source.zip"
) -> HttpResponse:
    """Give a file on the cohort's import page."""
    form = {"kind": kind, "upload": SimpleUploadedFile(name, data)}
    return client.post(f"/admin/cohorts/cohort/{cohort.pk}/import/", form)


def work_off() -> ImportJob:
    """Do what waits; the last job."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        for job_id in queue.KIND.queue.waiting():
            worker.run_jobs(queue.KIND, [job_id])
    return ImportJob.objects.select_related("study", "cohort").latest("pk")


def check(client: Client, cohort: Cohort, data: bytes, **options) -> ImportJob:
    """Upload a source and have its dry run made."""
    response = upload(client, cohort, data, **options)
    assert response.status_code == 302, response.content.decode()
    return work_off()


def press(client: Client, job: ImportJob, button: str = "import") -> HttpResponse:
    """Press a button of the import's page."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        return client.post(f"/admin/cohorts/importjob/{job.pk}/{button}/", follow=True)


def bring(client: Client, cohort: Cohort, data: bytes, **options) -> ImportJob:
    """From upload to the end."""
    job = check(client, cohort, data, **options)
    assert job.can_be_imported, [str(problem) for problem in queue.problems_of(job)]
    press(client, job)
    return work_off()


def page(client: Client, job: ImportJob) -> str:
    response = client.get(f"/admin/cohorts/importjob/{job.pk}/change/")
    assert response.status_code == 200
    return response.content.decode()


def stored_files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def nothing_was_written() -> bool:
    """No row of a case, and no file of any kind."""
    rows = Case.objects.exists() or Image.objects.exists() or ReferenceStandard.objects.exists()
    return not rows and not stored_files()
