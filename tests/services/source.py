"""A folder that import_cohort takes: a manifest and small synthetic images, drawn here.

The truth of a case is known here by its age, which is all that a reader's page tells of it.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from readerstudy.diagnosis import Etiology

SIZE = (480, 640)  # height, width
FIRST_AGE = 31
BUS_MM_PER_PIXEL = 0.08  # the CDFI image's is not known


@dataclass(frozen=True)
class Fact:
    """What the test knows of a case and the site must not tell its readers."""

    case_id: str
    age: int
    etiology: Etiology


def facts(cases: int, prefix: str = "hidden") -> list[Fact]:
    """The cases of a source: an age of its own each (of the first 29), the etiologies in turn.

    Their ids begin with ``prefix``.
    """
    etiologies = list(Etiology)
    return [
        Fact(
            f"{prefix}-{number}", FIRST_AGE + 3 * number % 87, etiologies[number % len(etiologies)]
        )
        for number in range(cases)
    ]


def write_source(
    folder: Path,
    *,
    cases: int,
    seed: int = 0,
    size: tuple[int, int] = SIZE,
    prefix: str = "hidden",
) -> Path:
    """Write manifest.csv and two PNGs a case into a new folder."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    rows = []
    for fact in facts(cases, prefix):
        names = {m: f"{fact.case_id}-{m}.png" for m in ("bus", "cdfi")}
        for modality, name in names.items():
            Image.fromarray(draw(rng, size, coloured=modality == "cdfi")).save(folder / name)
        rows.append(
            {
                "case_id": fact.case_id,
                "bus_file": names["bus"],
                "cdfi_file": names["cdfi"],
                "bus_mm_per_pixel": BUS_MM_PER_PIXEL,
                "sex": "female",
                "age": fact.age,
                "diameter_mm": 17.5,
                "location": "left",
                "neck_level": "III",
                "pathologic_method": "needle_biopsy",
                "etiology": fact.etiology.value,
                "instrument": "hidden instrument",
            }
        )
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def draw(rng: np.random.Generator, size: tuple[int, int], *, coloured: bool) -> np.ndarray:
    """A dark oval on a grey ground whose shades are its own, uint8 of shape (height, width, 3)."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    across, down = rng.uniform(0.4, 0.6, 2)
    distance = ((x / width - across) / 0.25) ** 2 + ((y / height - down) / 0.2) ** 2
    grey = np.where(distance < 1, 50, 120) + 20 * np.sin(x / 9) * np.sin(y / 7)
    shades = Image.fromarray(rng.uniform(0, 60, (6, 8)).astype(np.float32))
    grey = grey + np.asarray(shades.resize((width, height), Image.Resampling.BILINEAR))
    image = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    if coloured:
        image[distance < 0.1] = (200, 30, 20)
    return image
