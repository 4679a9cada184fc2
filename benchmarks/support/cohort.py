"""Cases for a benchmark's site: phantoms as PNG files, any number of rows that share them."""

import hashlib
import io
import os
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path

import numpy as np
from django.conf import settings
from django.utils import timezone
from PIL import Image as PillowImage

from inference import queue
from inference.models import Heatmap, InferenceJob, ModelVersion, Prediction
from readerstudy.demo.phantoms import draw_phantom
from readerstudy.diagnosis import Etiology, Modality
from readerstudy.studies.models import Case, Cohort, Image, Study

_numbers = count()


@dataclass(frozen=True)
class Drawn:
    """One image on disk."""

    path: Path
    modality: Modality
    sha256: str
    width: int
    height: int


def draw(number: int) -> list[list[Drawn]]:
    """So many phantoms as PNG files among the site's images, BUS and CDFI of each, which all cases
    share."""
    (settings.MEDIA_ROOT / "images").mkdir(parents=True)
    phantoms = [
        draw_phantom(etiology=etiology, seed=seed)
        for seed, etiology in zip(range(number), cycle(Etiology), strict=False)
    ]
    return [
        [_save(getattr(phantom, modality), modality, number) for modality in Modality]
        for number, phantom in enumerate(phantoms)
    ]


def _save(pixels: np.ndarray, modality: Modality, number: int) -> Drawn:
    path = settings.MEDIA_ROOT / f"images/phantom-{number}-{modality}.png"
    PillowImage.fromarray(pixels).save(path)
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Drawn(path, modality, digest, width, height)


def add_cases(number: int, *, drawn: list[list[Drawn]], slug: str = "benchmark") -> list[Case]:
    """So many more cases of a study's one cohort. Each has links of its own to the phantoms."""
    study, _ = Study.objects.get_or_create(slug=slug, defaults={"title": slug})
    cohort, _ = Cohort.objects.get_or_create(study=study, name="benchmark")
    cases = Case.objects.bulk_create(
        Case(
            cohort=cohort,
            case_id=f"case-{next(_numbers)}",
            sex="female",
            age=41,
            diameter_mm=17.5,
            location="left",
            neck_level="III",
            instrument="benchmark",
        )
        for _ in range(number)
    )
    Image.objects.bulk_create(
        _link(case, each)
        for case, phantom in zip(cases, cycle(drawn), strict=False)
        for each in phantom
    )
    return list(Case.objects.filter(pk__in=[c.pk for c in cases]).prefetch_related("image_set"))


def _link(case: Case, drawn: Drawn) -> Image:
    name = f"images/{case.case_id}-{drawn.modality}.png"
    os.link(drawn.path, settings.MEDIA_ROOT / name)
    return Image(
        case=case,
        modality=drawn.modality,
        file=name,
        sha256=drawn.sha256,
        width=drawn.width,
        height=drawn.height,
    )


def add_jobs(
    number: int,
    *,
    drawn: list[list[Drawn]],
    model_version: ModelVersion,
    done: int = 0,
    slug: str = "benchmark",
) -> list[int]:
    """Jobs of so many more cases, the first `done` of them done; the ids of those that wait."""
    cases = add_cases(number, drawn=drawn, slug=slug)
    jobs = queue.enqueue(cases=cases, model_version=model_version)
    if done:
        _settle(jobs[:done])
    return jobs[done:]


def _settle(job_ids: list[int]) -> None:
    """Mark jobs done, with the rows that a worker leaves."""
    png = io.BytesIO()
    PillowImage.fromarray(np.arange(49, dtype=np.uint8).reshape(7, 7)).save(png, "PNG")
    jobs = InferenceJob.objects.filter(pk__in=job_ids)
    predictions = Prediction.objects.bulk_create(
        Prediction(
            case_id=job.case_id,
            model_version_id=job.model_version_id,
            input_sha256=job.input_sha256,
            p_malignant=0.5,
            p_tuberculous=0.5,
            p_metastatic=0.5,
        )
        for job in jobs
    )
    Heatmap.objects.bulk_create(
        Heatmap(prediction=prediction, level=level, modality=modality, png=png.getvalue())
        for prediction in predictions
        for level in (1, 2)
        for modality in Modality
    )
    jobs.update(state=InferenceJob.State.DONE, attempts=1, finished_at=timezone.now())
