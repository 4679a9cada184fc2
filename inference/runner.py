"""Run one claimed job: read its images, run CLA-HDM, store prediction and heatmaps together.

Only the worker's side imports this module: it brings torch in.
"""

import io
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import lru_cache

import numpy as np
import torch
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, transaction
from PIL import Image as PillowImage

from inference import queue
from inference.clahdm import weights
from inference.clahdm.network import CLAHDM
from inference.clahdm.predict import CasePrediction, NonFiniteError, predict
from inference.clahdm.preprocess import preprocess
from inference.images import read_pixels
from inference.models import Heatmap, InferenceJob, Prediction
from readerstudy.diagnosis import Modality

log = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of a job in one call of ``run``."""

    DONE = "done"
    RETRY = "queued again"
    FAILED = "failed"
    NOT_OURS = "done by, or given to, another"


def run(job_id: int) -> Outcome:
    """Do one job if it is still to be done."""
    job = queue.claim(job_id)
    if job is None:
        return Outcome.NOT_OURS
    try:
        with _beating(job):
            result = _predict(job)
        return Outcome.DONE if _store(job, result) else Outcome.NOT_OURS
    except (OSError, ValueError, NonFiniteError) as error:
        # Bad input or bad weights stay bad: no second attempt.
        retry = queue.fail(job, reason=f"{type(error).__name__}: {error}", retry=False)
    except Exception as error:
        log.exception("Inference job %s", job.pk)
        retry = queue.fail(job, reason=f"{type(error).__name__}: {error}", retry=True)
    return Outcome.RETRY if retry else Outcome.FAILED


def device() -> torch.device:
    """The configured device; ``auto`` is the first GPU, or the processor."""
    name = settings.INFERENCE_DEVICE
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


@lru_cache(maxsize=1)
def _load(path: str, sha256: str) -> CLAHDM:
    """The network with these weights, verified against their digest; kept for the next job."""
    return weights.load(path, sha256=sha256).model.to(device())


def _pixels(job: InferenceJob) -> dict[str, np.ndarray]:
    """uint8 RGB arrays (H, W, 3) by modality.

    Raises ValueError when the images are not the ones that the job was made for.
    """
    images = list(job.case.image_set.all())
    if queue.input_digest(images) != job.input_sha256:
        raise ValueError("the case's images changed after the job was queued")
    return read_pixels(images)


def _predict(job: InferenceJob) -> CasePrediction:
    pixels = _pixels(job)
    model = _load(job.model_version.weights.path, job.model_version.sha256)
    bus, cdfi = (preprocess(pixels[m], size=model.input_size)[None] for m in Modality)
    [result] = predict(model, bus, cdfi, threshold=job.model_version.threshold)
    return result


@transaction.atomic
def _store(job: InferenceJob, result: CasePrediction) -> bool:
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


@contextmanager
def _beating(job: InferenceJob) -> Iterator[None]:
    """Keep the job's heartbeat fresh from a thread while the network computes."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(settings.INFERENCE_HEARTBEAT_SECONDS):
            close_old_connections()
            try:
                if not queue.beat(job):
                    break
            except DatabaseError:
                log.warning("Heartbeat of job %s was not written", job.pk, exc_info=True)
        connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
