"""Images whose size is far from what is usual in their cohort: thumbnails, another machine's."""

from collections.abc import Iterable
from statistics import median

from django.utils import timezone

from readerstudy.imaging.findings import SIZE
from readerstudy.studies.models import Cohort, Image
from readerstudy.studies.review.models import ImageFinding

LEAST_IMAGES = 5
"""Of a kind in a cohort, to say what is usual."""
TIMES = 2
"""As long or as short as usual that a side is, at the least, to be told."""


def record_unusual_sizes(
    cohort: Cohort, images: Iterable[Image], *, answered_by: str = ""
) -> list[ImageFinding]:
    """A finding for each of these images that is unusually large or small for the cohort."""
    sizes: dict[str, list[tuple[int, int]]] = {}
    rows = Image.objects.filter(case__cohort=cohort).values_list("modality", "width", "height")
    for modality, width, height in rows:
        sizes.setdefault(modality, []).append((width, height))
    usual = {
        modality: tuple(round(median(sides)) for sides in zip(*found, strict=True))
        for modality, found in sizes.items()
        if len(found) >= LEAST_IMAGES
    }
    answer = {"answered_by": answered_by, "answered_at": timezone.now()} if answered_by else {}
    return ImageFinding.objects.bulk_create(
        ImageFinding(image=image, kind=SIZE, text=text, **answer)
        for image in images
        if (text := _text(image, usual.get(image.modality)))
    )


def _text(image: Image, usual: tuple[int, int] | None) -> str:
    if usual is None:
        return ""
    ratios = (image.width / usual[0], image.height / usual[1])
    if all(1 / TIMES < ratio < TIMES for ratio in ratios):
        return ""
    return (
        f"It is {image.width} by {image.height} pixels; {usual[0]} by {usual[1]} is usual in its "
        "cohort."
    )
