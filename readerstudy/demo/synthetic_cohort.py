"""A synthetic cohort as a folder that import_cohort takes: a manifest and phantom images."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from readerstudy.demo.phantoms import Hospital, Instrument, Technique, draw_phantom
from readerstudy.diagnosis import Etiology
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, PathologicMethod, Sex

MASKS = "masks"
_COMPRESS_LEVEL = 1  # an import compresses anew


@dataclass(frozen=True, kw_only=True)
class SourceCase:
    """A case to be drawn. `baseline` has the manifest's columns but for the diameter, which is the
    phantom's; `seed` is the phantom's too."""

    case_id: str
    etiology: Etiology
    baseline: Mapping[str, object]
    instrument: Instrument
    seed: int


def write_source(
    folder: Path,
    *,
    counts: Mapping[Etiology, int],
    hospital: Hospital,
    seed: int,
    name: str = "phantom",
    masks: bool = False,
    progress=iter,
) -> None:
    """Write a cohort with these counts; the same arguments write the same bytes.

    Cases of `counts` (see `Hospital.mix`) come in random order, with invented baseline
    characteristics, each scanned by one of the hospital's instruments; their ids begin with
    `name`. For `masks`, `progress` and what is raised, see `write_cases`.
    """
    etiologies = [etiology for etiology, count in counts.items() for _ in range(count)]
    rng = np.random.default_rng(seed)
    cases = [
        _invent(f"{name}-{number:03}", Etiology(etiologies[at]), hospital=hospital, rng=rng)
        for number, at in enumerate(rng.permutation(len(etiologies)), start=1)
    ]
    write_cases(folder, cases, technique=hospital.technique, masks=masks, progress=progress)


def write_cases(
    folder: Path,
    cases: Sequence[SourceCase],
    *,
    technique: Technique,
    size: tuple[int, int] | None = None,
    masks: bool = False,
    progress=iter,
) -> None:
    """Write manifest.csv and two PNGs a case, in this order.

    `size` is the pictures' (height, width) in pixels, by default the instrument's. With `masks`,
    masks/CASE_ID.png has 255 inside the node, 0 elsewhere; an import takes no notice of it.
    ``progress`` wraps the list of cases, as tqdm does. Raises ValueError if there are no cases.
    """
    if not cases:
        raise ValueError("a cohort has at least one case")
    if masks:
        (folder / MASKS).mkdir(exist_ok=True)
    rows = [
        _write(folder, case, technique=technique, size=size, mask=masks) for case in progress(cases)
    ]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _invent(
    case_id: str, etiology: Etiology, *, hospital: Hospital, rng: np.random.Generator
) -> SourceCase:
    return SourceCase(
        case_id=case_id,
        etiology=etiology,
        seed=int(rng.integers(2**31)),
        instrument=hospital.choose(rng),
        baseline={
            "sex": rng.choice(list(Sex)),
            "age": int(np.clip(rng.normal(48, 17), 18, 90)),
            "location": rng.choice([Location.LEFT, Location.RIGHT]),
            "neck_level": rng.choice(list(NeckLevel)),
            "pathologic_method": rng.choice(list(PathologicMethod)),
        },
    )


def _write(
    folder: Path,
    case: SourceCase,
    *,
    technique: Technique,
    size: tuple[int, int] | None,
    mask: bool,
) -> dict:
    """Draw a case; its row of the manifest."""
    phantom = draw_phantom(
        etiology=case.etiology,
        seed=case.seed,
        size=size,
        instrument=case.instrument,
        technique=technique,
    )
    bus, cdfi = f"{case.case_id}-bus.png", f"{case.case_id}-cdfi.png"
    _save(folder / bus, phantom.bus)
    _save(folder / cdfi, phantom.cdfi)
    if mask:
        _save(folder / MASKS / f"{case.case_id}.png", phantom.mask.astype(np.uint8) * 255)
    return {
        "case_id": case.case_id,
        "bus_file": bus,
        "cdfi_file": cdfi,
        "bus_mm_per_pixel": f"{phantom.mm_per_pixel:.5f}",
        "cdfi_mm_per_pixel": f"{phantom.mm_per_pixel:.5f}",
        **case.baseline,
        "diameter_mm": phantom.diameter_mm,
        "etiology": case.etiology.value,
        "instrument": phantom.instrument.name,
    }


def _save(file: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(file, compress_level=_COMPRESS_LEVEL)
