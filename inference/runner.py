"""Run claimed jobs: read their images, run CLA-HDM, store prediction and heatmaps together.

Only the worker's side imports this module: it brings torch in.
"""

import io
import logging
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, transaction
from django.db.models import Q, prefetch_related_objects
from PIL import Image as PillowImage

from inference import image_quality, queue
from inference.clahdm import weights
from inference.clahdm.network import CLAHDM
from inference.clahdm.predict import CasePrediction, NonFiniteError, predict
from inference.clahdm.preprocess import preprocess
from inference.device import (
    device,
    is_out_of_memory,
    precision,
    release_memory,
    require_working,
)
from inference.images import read_pixels
from inference.models import Heatmap, InferenceJob, ModelVersion, Prediction
from readerstudy.database_outages import outage
from readerstudy.diagnosis import Modality
from readerstudy.jobs.errors import JobFailed, TryLater, WorkerBroken
from readerstudy.jobs.worker import in_short, settle

log = logging.getLogger(__name__)


def run_batch(jobs: list[InferenceJob]) -> None:
    """Run jobs that were claimed together. Raises WorkerBroken."""
    try:
        device()  # before any case is looked at
    except ImproperlyConfigured as error:
        raise WorkerBroken(str(error)) from None
    by_version: dict[int, list[InferenceJob]] = {}
    for job in jobs:
        by_version.setdefault(job.model_version_id, []).append(job)
    for batch in by_version.values():
        _run_version(batch)


@contextmanager
def _settled(*jobs: InferenceJob) -> Iterator[None]:
    """Whatever goes wrong in the block ends these jobs, and no others."""
    try:
        yield
    except Exception as error:
        # What no job is to blame for ends the batch.
        if isinstance(error, WorkerBroken) or (isinstance(error, Error) and outage(error)):
            raise
        require_working(error)
        settle(queue.KIND, jobs, _as_job_error(error))


def _as_job_error(error: Exception) -> Exception:
    """What an error means for its job: to fail, or to wait, with or without a strike."""
    reason = in_short(error)
    if isinstance(error, JobFailed | TryLater) or outage(error):
        return error
    if is_out_of_memory(error):
        return TryLater(f"There is not enough memory on {device()} ({reason}).", cause="memory")
    if isinstance(error, ValueError | NonFiniteError):  # bad input and bad weights stay bad
        return JobFailed(reason)
    if isinstance(error, OSError) and not _has_images():
        return TryLater(
            f"The folder of the images can't be read ({reason}).", cause="images", others=Q()
        )
    return TryLater(reason, counts_as_strike=True)


def _has_images() -> bool:
    """Whether the folder of the images can be read; one that is not mounted is empty."""
    try:
        with os.scandir(Path(settings.MEDIA_ROOT, "images")) as found:
            return next(found, None) is not None
    except OSError:
        return False


def _run_version(jobs: list[InferenceJob]) -> None:
    """Read, predict and store jobs of one model version."""
    with _settled(*jobs):
        queue.require_computed(jobs[0].model_version)
        model = _model(jobs[0].model_version)
        inputs, notes = {}, {}
        for job, read in _read_all(jobs):
            with _settled(job):
                pixels = read.result()
                notes[job] = image_quality.quality_notes(**pixels, size=model.input_size)
                inputs[job] = _inputs(pixels, size=model.input_size)
        results = _predict(model, inputs)
        with transaction.atomic():  # one commit; a job that fails takes back its own rows
            for job, result in results:
                with _settled(job):
                    _store(job, result, notes=notes[job])


def _model(version: ModelVersion) -> CLAHDM:
    """The network of a version. Raises TryLater while its file can't be read."""
    try:
        with version.weights.open("rb"):
            pass
        return _load(version.weights.path, version.sha256)
    except (OSError, weights.WeightsError) as error:
        if not isinstance(error, OSError) and not isinstance(error.__cause__, OSError):
            raise
        raise TryLater(
            f"The weights of {version} can't be read ({type(error).__name__}: {error}).",
            cause=f"weights {version.pk}",
            others=Q(model_version=version),
        ) from error


def _read_all(jobs: list[InferenceJob]) -> list[tuple[InferenceJob, Future]]:
    """Each job's `_pixels`, read in threads: decoding takes most of a job's time off the GPU."""
    prefetch_related_objects([job.case for job in jobs], "image_set")
    with ThreadPoolExecutor() as threads:
        return [(job, threads.submit(_pixels, job)) for job in jobs]


def _predict(
    model: CLAHDM, inputs: dict[InferenceJob, torch.Tensor]
) -> list[tuple[InferenceJob, CasePrediction]]:
    """Predict all at once. Where the memory is too small for that, in halves; if it fails
    otherwise, one by one, so that a bad case fails alone."""
    if not inputs:
        return []
    try:
        return list(zip(inputs, _forward(model, inputs), strict=True))
    except Exception as error:
        require_working(error)
        if len(inputs) == 1:
            with _settled(*inputs):
                raise
            return []
        is_full = is_out_of_memory(error)
        log.warning("A batch of %s failed; it is tried in parts", len(inputs), exc_info=not is_full)
    release_memory()
    size = len(inputs) // 2 if is_full else 1
    jobs = list(inputs)
    parts = [jobs[at : at + size] for at in range(0, len(jobs), size)]
    return [
        result for part in parts for result in _predict(model, {job: inputs[job] for job in part})
    ]


def _forward(model: CLAHDM, inputs: dict[InferenceJob, torch.Tensor]) -> list[CasePrediction]:
    [threshold] = {job.model_version.threshold for job in inputs}
    bus, cdfi = torch.stack(list(inputs.values()), dim=1)
    return predict(model, bus, cdfi, threshold=threshold, precision=precision())


@lru_cache(maxsize=1)
def _load(path: str, sha256: str) -> CLAHDM:
    """The network with these weights, verified against their digest; kept for the next job."""
    model = weights.load(path, sha256=sha256).model
    return model.to(device(), memory_format=torch.channels_last)


def _pixels(job: InferenceJob) -> dict[str, np.ndarray]:
    """uint8 RGB arrays (H, W, 3) by modality; asks nothing of the database after `_read_all`.

    Raises ValueError when the images are not the ones that the job was made for.
    """
    images = list(job.case.image_set.all())
    if queue.input_digest(images) != job.input_sha256:
        raise ValueError("the case's images have changed since the job was queued")
    return read_pixels(images)


def _inputs(pixels: dict[str, np.ndarray], *, size: int) -> torch.Tensor:
    """Both images as the network takes them, BUS first: float32, (2, 3, size, size)."""
    return torch.stack([preprocess(pixels[modality], size=size) for modality in Modality])


@transaction.atomic
def _store(job: InferenceJob, result: CasePrediction, *, notes: list[str]) -> bool:
    """Store a job's result; False when it is another worker's by now, whose result counts."""
    if not queue.QUEUE.finish(job):
        return False
    prediction, created = Prediction.objects.get_or_create(
        case=job.case,
        model_version=job.model_version,
        input_sha256=job.input_sha256,
        defaults={
            "p_malignant": result.probabilities.p_malignant,
            "p_tuberculous": result.probabilities.p_tuberculous,
            "p_metastatic": result.probabilities.p_metastatic,
            "notes": notes,
        },
    )
    if created:
        Heatmap.objects.bulk_create(
            Heatmap(prediction=prediction, level=level, modality=modality, png=_png(values))
            for (level, modality), values in result.heatmaps.items()
        )
    return True


def _png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()
