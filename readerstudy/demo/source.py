"""A synthetic cohort as a folder that import_cohort takes: a manifest and phantom images."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from readerstudy.cohorts.vocabulary import Location, NeckLevel, PathologicMethod, Sex
from readerstudy.demo.phantoms import draw_phantom
from readerstudy.diagnosis import Etiology

# About the share of each etiology among the published testing cases.
SHARES = {
    Etiology.REACTIVE: 0.12,
    Etiology.TUBERCULOUS: 0.23,
    Etiology.LYMPHOMA: 0.09,
    Etiology.METASTATIC: 0.56,
}
INSTRUMENT = "Synthetic phantom"
MASKS = "masks"


def write_source(folder: Path, *, cases: int, seed: int) -> None:
    """Write manifest.csv and two PNGs a case. At least one case of each etiology for 4 or more."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(list(SHARES), size=max(0, cases - len(SHARES)), p=list(SHARES.values()))
    etiologies = rng.permutation([*SHARES, *drawn][:cases])
    _write(folder, etiologies=[Etiology(each) for each in etiologies], rng=rng)


def write_counts(folder: Path, *, counts: Mapping[Etiology, int], seed: int, progress=iter) -> None:
    """The same with so many cases of each etiology, in random order, and a mask a case.

    masks/CASE_ID.png has 255 inside the node and 0 elsewhere; an import takes no notice of it.
    ``progress`` wraps the list of cases, as tqdm does.
    """
    rng = np.random.default_rng(seed)
    etiologies = [etiology for etiology, count in counts.items() for _ in range(count)]
    cases = [etiologies[at] for at in rng.permutation(len(etiologies))]
    (folder / MASKS).mkdir()
    _write(folder, etiologies=progress(cases), rng=rng)


def _write(folder: Path, *, etiologies: Iterable[Etiology], rng: np.random.Generator) -> None:
    rows = [
        _case(folder, number, etiology, rng) for number, etiology in enumerate(etiologies, start=1)
    ]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _case(folder: Path, number: int, etiology: Etiology, rng: np.random.Generator) -> dict:
    phantom = draw_phantom(etiology=etiology, seed=int(rng.integers(2**31)))
    name = f"phantom-{number:03}"
    Image.fromarray(phantom.bus).save(folder / f"{name}-bus.png")
    Image.fromarray(phantom.cdfi).save(folder / f"{name}-cdfi.png")
    if (folder / MASKS).exists():
        Image.fromarray(phantom.mask.astype(np.uint8) * 255).save(folder / MASKS / f"{name}.png")
    return {
        "case_id": name,
        "bus_file": f"{name}-bus.png",
        "cdfi_file": f"{name}-cdfi.png",
        "sex": rng.choice(list(Sex)),
        "age": int(np.clip(rng.normal(48, 17), 18, 90)),
        "diameter_mm": phantom.diameter_mm,
        "location": rng.choice([Location.LEFT, Location.RIGHT]),
        "neck_level": rng.choice(list(NeckLevel)),
        "pathologic_method": rng.choice(list(PathologicMethod)),
        "etiology": etiology.value,
        "instrument": INSTRUMENT,
    }
