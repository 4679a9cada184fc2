"""Add many queued cases to a site quickly: rows that share a few pictures of different sizes.

``python -m tests.services.many_cases STUDY COUNT``, in a process with the site's environment, for a
study that has one cohort.
"""

import hashlib
import os
import sys
from itertools import cycle
from pathlib import Path

import django
import numpy as np
from PIL import Image as PillowImage

from tests.services.source import draw

SIZES = [(240, 320), (480, 640), (768, 1024), (600, 800), (1080, 1920)]  # height, width


def add_cases(slug: str, count: int) -> None:
    """Cases, their images and their jobs."""
    from django.conf import settings

    from readerstudy.reading.lifecycle import queue_model
    from readerstudy.studies.models import Case, Cohort, Image

    cohort = Cohort.objects.get(study__slug=slug)
    folder = settings.MEDIA_ROOT / "images"
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [_pictures(folder, number, size) for number, size in enumerate(SIZES)]
    cases = Case.objects.bulk_create(
        Case(cohort=cohort, case_id=f"many-{number}", sex="male", age=50, diameter_mm=12,
             location="left", neck_level="II", instrument="x")
        for number in range(count)
    )  # fmt: skip
    images = []
    for case, pair in zip(cases, cycle(pictures), strict=False):
        for modality, (path, digest, (height, width)) in pair.items():
            name = f"{case.case_id}-{modality}.png"
            os.link(path, folder / name)
            images.append(Image(case=case, modality=modality, file=f"images/{name}", sha256=digest,
                                height=height, width=width))  # fmt: skip
    Image.objects.bulk_create(images)
    queue_model(cohort.study)


def _pictures(folder: Path, number: int, size: tuple[int, int]) -> dict[str, tuple]:
    """Both pictures of a size: path, SHA-256 and size by modality."""
    pair = {}
    for modality in ("bus", "cdfi"):
        path = folder / f"shared-{number}-{modality}.png"
        drawn = draw(np.random.default_rng(number), size, coloured=modality == "cdfi")
        PillowImage.fromarray(drawn).save(path)
        pair[modality] = path, hashlib.sha256(path.read_bytes()).hexdigest(), size
    return pair


if __name__ == "__main__":
    django.setup()
    add_cases(sys.argv[1], int(sys.argv[2]))
