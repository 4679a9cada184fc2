"""The stored prediction of a case: the one for the images that the case has now."""

from collections.abc import Iterable

from inference.models import ModelVersion, Prediction
from inference.queue import input_digest
from readerstudy.cohorts.models import Case, Image


def predictions_of(cases: Iterable[Case], *, model_version: ModelVersion) -> dict[int, Prediction]:
    """By case id, in two queries. A prediction of images since replaced is none."""
    ids = [case.pk for case in cases]
    images: dict[int, list[Image]] = {pk: [] for pk in ids}
    for image in Image.objects.filter(case__in=ids).only("case_id", "modality", "sha256"):
        images[image.case_id].append(image)
    digests = {pk: input_digest(found) for pk, found in images.items()}
    predictions = Prediction.objects.filter(case__in=ids, model_version=model_version)
    return {
        prediction.case_id: prediction
        for prediction in predictions.select_related("model_version")
        if prediction.input_sha256 == digests[prediction.case_id]
    }
