"""A synthetic cohort as a folder that import_cohort takes: a manifest and phantom images."""

import csv
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


def write_source(folder: Path, *, cases: int, seed: int) -> None:
    """Write manifest.csv and two PNGs a case. At least one case of each etiology for 4 or more."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(list(SHARES), size=max(0, cases - len(SHARES)), p=list(SHARES.values()))
    etiologies = rng.permutation([*SHARES, *drawn][:cases])
    rows = [
        _case(folder, number, Etiology(etiology), rng)
        for number, etiology in enumerate(etiologies, start=1)
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
