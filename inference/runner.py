"""Run claimed jobs: read their images, run CLA-HDM, store prediction and heatmaps together.

Only the worker's side imports this module: it brings torch in.
"""

import io
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, transaction
from django.db.models import prefetch_related_objects
from PIL import Image as PillowImage

from inference import image_quality, queue
from inference.clahdm import weights
from inference.clahdm.network import CLAHDM
from inference.clahdm.predict import CasePrediction, NonFiniteError, Precision, predict
from inference.clahdm.preprocess import preprocess
from inference.images import read_pixels
from inference.models import Heatmap, InferenceJob, Prediction
from inference.worker_outcome import WorkerOutcome
from readerstudy.background import heartbeat
from readerstudy.diagnosis import Modality
from readerstudy.outages import outage, wait_for_database

log = logging.getLogger(__name__)
State = InferenceJob.State


def run(job_ids: Sequence[int]) -> WorkerOutcome:
    """Do those of these jobs that are still to be done, in batches as ``queue.batches`` has them.

    A worker told to stop in between (KeyboardInterrupt, SystemExit) puts back what it has in hand.
    """
    device()  # before any job is taken in hand
    outcome = WorkerOutcome()
    for batch in queue.batches(job_ids):
        _run_together(batch, outcome)
    return outcome


def _run_together(job_ids: list[int], outcome: WorkerOutcome) -> None:
    jobs: list[InferenceJob] = []
    alone = len(job_ids) == 1
    try:
        with transaction.atomic():  # one commit, which is what claims cost
            jobs += [job for pk in job_ids if (job := queue.claim(pk, counts_as_strike=alone))]
        by_version: dict[int, list[InferenceJob]] = {}
        for job in jobs:
            by_version.setdefault(job.model_version_id, []).append(job)
        with heartbeat(lambda: queue.beat(jobs), every=settings.INFERENCE_HEARTBEAT_SECONDS):
            for batch in by_version.values():
                _run_batch(batch, outcome)
    except (KeyboardInterrupt, SystemExit):
        queue.put_back(jobs)
        raise
    except Error as error:
        if not outage(error):
            raise
        log.warning("The database is unavailable; waiting for it", exc_info=True)
        wait_for_database()
        queue.put_back(jobs)
        outcome.again += job_ids


@contextmanager
def _failing(outcome: WorkerOutcome, *jobs: InferenceJob) -> Iterator[None]:
    """Whatever goes wrong in the block is the failure of these jobs, and of no others."""
    try:
        yield
    except Exception as error:
        if isinstance(error, Error) and outage(error):  # which is no fault of a job
            raise
        log.exception("Inference jobs %s", [job.pk for job in jobs])
        # Bad input and bad weights stay bad; anything else may pass.
        passing = not isinstance(error, ValueError | NonFiniteError)
        reason = f"{type(error).__name__}: {error}"
        ends = {State.QUEUED: outcome.again, State.FAILED: outcome.failed, None: []}
        for job in jobs:
            ends[queue.fail(job, reason=reason, retry=passing)].append(job.pk)


def _run_batch(jobs: list[InferenceJob], outcome: WorkerOutcome) -> None:
    """Read, predict and store jobs of one model version."""
    with _failing(outcome, *jobs):
        queue.require_computed(jobs[0].model_version)
        model = _load(jobs[0].model_version.weights.path, jobs[0].model_version.sha256)
        inputs, notes = {}, {}
        for job, read in _read_all(jobs):
            with _failing(outcome, job):
                pixels = read.result()
                notes[job] = image_quality.quality_notes(**pixels, size=model.input_size)
                inputs[job] = _inputs(pixels, size=model.input_size)
        results = _predict(model, inputs, outcome)
        stored = []
        with transaction.atomic():  # again one commit; a job that fails takes back its own rows
            for job, result in results:
                with _failing(outcome, job):
                    if _store(job, result, notes=notes[job]):
                        stored.append(job)
        outcome.done += [job.pk for job in stored]
        outcome.poor |= {job.pk: notes[job] for job in stored if notes[job]}


def _read_all(jobs: list[InferenceJob]) -> list[tuple[InferenceJob, Future]]:
    """Each job's `_pixels`, read in threads: decoding takes most of a job's time off the GPU."""
    prefetch_related_objects([job.case for job in jobs], "image_set")
    with ThreadPoolExecutor() as threads:
        return [(job, threads.submit(_pixels, job)) for job in jobs]


def _predict(
    model: CLAHDM, inputs: dict[InferenceJob, torch.Tensor], outcome: WorkerOutcome
) -> list[tuple[InferenceJob, CasePrediction]]:
    """Predict all at once; if that fails, one by one, so that a bad case fails alone."""
    if not inputs:
        return []
    try:
        return list(zip(inputs, _forward(model, inputs), strict=True))
    except Exception:
        log.exception("A batch of %s failed; its cases are tried one by one", len(inputs))
    results = []
    for job, images in inputs.items():
        with _failing(outcome, job):
            results.append((job, *_forward(model, {job: images})))
    return results


def _forward(model: CLAHDM, inputs: dict[InferenceJob, torch.Tensor]) -> list[CasePrediction]:
    [threshold] = {job.model_version.threshold for job in inputs}
    bus, cdfi = torch.stack(list(inputs.values()), dim=1)
    return predict(model, bus, cdfi, threshold=threshold, precision=precision())


def device() -> torch.device:
    """The configured device; ``auto`` is the first GPU, or the processor.

    Raises ImproperlyConfigured where this machine does not have it.
    """
    name = settings.INFERENCE_DEVICE
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    found = torch.device(name)
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ImproperlyConfigured(
            f"INFERENCE_DEVICE is {name}, but torch finds {torch.cuda.device_count()} GPUs on "
            "this machine. Set it to auto or cpu, or check the GPU driver."
        )
    return found


def precision() -> Precision:
    """The configured precision; ``auto`` is bf16 on a GPU that has it, else fp32."""
    if settings.INFERENCE_PRECISION != "auto":
        return settings.INFERENCE_PRECISION
    on_gpu = device().type == "cuda"
    has_it = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if has_it else "fp32"


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
    if not queue.finish(job):
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
