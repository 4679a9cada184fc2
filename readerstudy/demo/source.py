"""A synthetic cohort as a folder that import_cohort takes: a manifest and phantom images."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from readerstudy.cohorts.vocabulary import Location, NeckLevel, PathologicMethod, Sex
from readerstudy.demo.phantoms import Hospital, draw_phantom
from readerstudy.diagnosis import Etiology

MASKS = "masks"


def write_source(
    folder: Path,
    *,
    counts: Mapping[Etiology, int],
    hospital: Hospital,
    seed: int,
    masks: bool = False,
    progress=iter,
) -> None:
    """Write manifest.csv and two PNGs a case; the same arguments write the same bytes.

    Cases of `counts` (see `Hospital.mix`) come in random order, each scanned by one of the
    hospital's instruments. With `masks`, masks/CASE_ID.png has 255 inside the node, 0 elsewhere;
    an import takes no notice of it. ``progress`` wraps the list of cases, as tqdm does. Raises
    ValueError if there are no cases.
    """
    etiologies = [etiology for etiology, count in counts.items() for _ in range(count)]
    if not etiologies:
        raise ValueError("a cohort has at least one case")
    rng = np.random.default_rng(seed)
    cases = [Etiology(etiologies[at]) for at in rng.permutation(len(etiologies))]
    if masks:
        (folder / MASKS).mkdir(exist_ok=True)
    rows = [
        _case(folder, f"phantom-{number:03}", etiology, hospital=hospital, rng=rng, mask=masks)
        for number, etiology in enumerate(progress(cases), start=1)
    ]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _case(
    folder: Path,
    name: str,
    etiology: Etiology,
    *,
    hospital: Hospital,
    rng: np.random.Generator,
    mask: bool,
) -> dict:
    phantom = draw_phantom(
        etiology=etiology,
        seed=int(rng.integers(2**31)),
        instrument=hospital.choose(rng),
        technique=hospital.technique,
    )
    Image.fromarray(phantom.bus).save(folder / f"{name}-bus.png")
    Image.fromarray(phantom.cdfi).save(folder / f"{name}-cdfi.png")
    if mask:
        inside = phantom.mask.astype(np.uint8) * 255
        Image.fromarray(inside).save(folder / MASKS / f"{name}.png")
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
        "instrument": phantom.instrument.name,
    }
