"""What came of a case: the job and the prediction for the images that the case has now."""

from collections.abc import Iterable

from django.db.models import OuterRef, Subquery

from inference.models import InferenceJob, ModelVersion, Prediction
from inference.queue import input_digest
from readerstudy.studies.models import Case, Image


def predictions_of(cases: Iterable[Case], *, model_version: ModelVersion) -> dict[int, Prediction]:
    """By case id, in two queries. A prediction of images since replaced is none."""
    return _fitting(Prediction, cases, model_version)


def jobs_of(cases: Iterable[Case], *, model_version: ModelVersion) -> dict[int, InferenceJob]:
    """By case id, in two queries. A job for images since replaced is none."""
    return _fitting(InferenceJob, cases, model_version)


def notes_of_jobs(job_ids: Iterable[int]) -> dict[int, list[str]]:
    """By id of a job that is done and whose images are poor inputs: what makes them so."""
    same = {name: OuterRef(name) for name in ("case", "model_version", "input_sha256")}
    notes = Subquery(Prediction.objects.filter(**same).values("notes"))
    jobs = InferenceJob.objects.filter(pk__in=list(job_ids)).annotate(notes=notes)
    return {job.pk: job.notes for job in jobs if job.notes}


def _fitting(kind, cases: Iterable[Case], model_version: ModelVersion) -> dict:
    ids = [case.pk for case in cases]
    images: dict[int, list[Image]] = {pk: [] for pk in ids}
    for image in Image.objects.filter(case__in=ids).only("case_id", "modality", "sha256"):
        images[image.case_id].append(image)
    digests = {pk: input_digest(found) for pk, found in images.items()}
    rows = kind.objects.filter(case__in=ids, model_version=model_version)
    fitting = {row.case_id: row for row in rows if row.input_sha256 == digests[row.case_id]}
    for row in fitting.values():
        row.model_version = model_version
    return fitting
