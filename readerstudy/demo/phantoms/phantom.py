"""One synthetic case, from its findings to its two pictures."""

from dataclasses import dataclass

import numpy as np

from readerstudy.demo.phantoms.anatomy import longest_px, place
from readerstudy.demo.phantoms.bmode import b_mode
from readerstudy.demo.phantoms.doppler import doppler
from readerstudy.demo.phantoms.findings_model import Flow, NodeFindings, Sign, sample_findings
from readerstudy.demo.phantoms.frame import draw_scale, furnish
from readerstudy.demo.phantoms.hospitals import Technique
from readerstudy.demo.phantoms.instruments import PLAIN, Instrument
from readerstudy.diagnosis import Etiology


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """A synthetic case; pixels are square."""

    bus: np.ndarray  # (H, W, 3) uint8, RGB
    cdfi: np.ndarray  # (H, W, 3) uint8, RGB
    mask: np.ndarray  # (H, W) bool, the node
    mm_per_pixel: float
    diameter_mm: float  # longest diameter of the mask, to 0.1 mm
    findings: NodeFindings
    instrument: Instrument

    @property
    def signs(self) -> frozenset[Sign]:
        return self.findings.signs

    @property
    def flow(self) -> Flow:
        return self.findings.flow


def draw_phantom(
    *,
    etiology: Etiology,
    seed: int,
    size: tuple[int, int] | None = None,
    instrument: Instrument | None = None,
    technique: Technique | None = None,
) -> Phantom:
    """One synthetic case; the same arguments give the same pixels.

    `seed` is 0 or above; another etiology with the same seed is another picture altogether.
    `size` is (height, width) in pixels, by default the instrument's. `instrument` is PLAIN by
    default, and `technique` that of hospital 1. Raises ValueError if a side is shorter than 64.
    """
    instrument, technique = instrument or PLAIN, technique or Technique()
    size = size or instrument.size
    if min(size) < 64:
        raise ValueError(f"a phantom is at least 64 pixels a side, not {size}")
    finding_rng, place_rng, tissue_rng, flow_rng = np.random.default_rng(
        [seed, etiology.class_index]
    ).spawn(4)
    findings = sample_findings(etiology=etiology, rng=finding_rng)
    gain_db = place_rng.normal(*technique.gain_db)
    margin_mm = place_rng.uniform(*technique.box_mm)
    rows, columns = instrument.frame(size)
    anatomy = place(
        rng=place_rng,
        findings=findings,
        technique=technique,
        shape=(rows.stop - rows.start, columns.stop - columns.start),
        sector_deg=instrument.sector_deg,
    )
    node = anatomy.mask
    grey = b_mode(
        rng=tissue_rng, anatomy=anatomy, findings=findings, instrument=instrument, gain_db=gain_db
    )
    coloured = doppler(
        rng=flow_rng,
        anatomy=anatomy,
        flow=findings.flow,
        instrument=instrument,
        grey=grey,
        mask=node,
        margin_mm=margin_mm,
    )
    mask = np.zeros(size, dtype=bool)
    mask[rows, columns] = node
    bus, cdfi = np.zeros((2, *size, 3), dtype=np.uint8)
    bus[rows, columns], cdfi[rows, columns] = grey[..., None], coloured
    for picture in (bus, cdfi):
        furnish(picture, instrument=instrument, mm=anatomy.plane.mm)
    draw_scale(cdfi, instrument=instrument, mask=mask)
    return Phantom(
        bus=bus,
        cdfi=cdfi,
        mask=mask,
        mm_per_pixel=anatomy.plane.mm,
        diameter_mm=round(longest_px(mask=mask) * anatomy.plane.mm, 1),
        findings=findings,
        instrument=instrument,
    )
