"""The images of a case as its page shows them: where they are, their scale, their heatmaps."""

from dataclasses import dataclass

from django.urls import reverse

from readerstudy.diagnosis import Modality

LEVELS = (1, 2)


@dataclass(frozen=True, kw_only=True)
class Pane:
    """One image. ``heatmaps`` are the addresses of level 1 and level 2; none in stage 1."""

    modality: Modality
    image: str
    mm_per_pixel: float | None
    heatmaps: tuple[str, ...] = ()


def images(*, slug: str, code: str) -> dict[Modality, str]:
    """Where a reader finds the images of the case with this code."""
    return {m: reverse("reading:image", args=(slug, code, m)) for m in Modality}


def heatmap(*, slug: str, code: str, level: int, modality: Modality) -> str:
    """Where a reader finds a heatmap of the case with this code."""
    return reverse("reading:heatmap", args=(slug, code, level, modality))


def panes(
    *, slug: str, code: str, spacing: dict[str, float | None], has_heatmaps: bool
) -> list[Pane]:
    """The panes of the case with this code; ``spacing`` in millimetres per pixel, by modality."""
    levels = LEVELS if has_heatmaps else ()
    return [
        Pane(
            modality=modality,
            image=image,
            mm_per_pixel=spacing.get(modality),
            heatmaps=tuple(
                heatmap(slug=slug, code=code, level=level, modality=modality) for level in levels
            ),
        )
        for modality, image in images(slug=slug, code=code).items()
    ]
