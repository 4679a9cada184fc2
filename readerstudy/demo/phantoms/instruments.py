"""Invented ultrasound machines: what each makes of the same tissue and the same flow.

None is modelled on a real machine. What tells them apart, an operator's settings aside, is what
tells real ones apart to the eye: resolution, compression, noise, the frame, the colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Velocity as a share of the scale, and its red, green and blue at these stops.
STOPS = (-1, -0.5, -0.02, 0, 0.02, 0.5, 1)
COLOURS = {
    "fire and ice": (
        (130, 20, 0, 0, 90, 225, 255),
        (240, 70, 0, 0, 0, 35, 230),
        (255, 230, 100, 0, 0, 10, 70),
    ),
    "plain": (
        (30, 15, 0, 0, 80, 170, 250),
        (60, 25, 0, 0, 0, 10, 30),
        (250, 165, 85, 0, 0, 5, 25),
    ),
    "pale": (
        (215, 60, 10, 0, 120, 235, 255),
        (245, 120, 20, 0, 20, 90, 240),
        (255, 255, 150, 0, 10, 60, 200),
    ),
    "orange and cyan": (
        (20, 0, 0, 0, 110, 240, 255),
        (225, 120, 10, 0, 15, 110, 180),
        (235, 200, 90, 0, 0, 0, 10),
    ),
    "green end": (
        (60, 30, 10, 0, 100, 215, 190),
        (230, 60, 0, 0, 0, 20, 245),
        (140, 210, 110, 0, 10, 20, 40),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """A machine and its preset. Levels are in dB relative to full scale at 60 dB of range."""

    name: str
    size: tuple[int, int] = (384, 512)  # (height, width) of the picture, frame and all
    # The frame: shares of the height or width that stay black; a curved probe's half angle.
    margins: tuple[float, float, float, float] = (0, 0, 0, 0)  # top, right, bottom, left
    sector_deg: float = 0.0
    ticks: bool = False  # depth marks beside the picture
    grey_bar: bool = False  # beside the picture
    # B-mode.
    gain_db: float = 0.0
    range_db: float = 60.0
    gamma: float = 1.0  # of the grey map; above 1 is darker
    contrast: float = 0.0  # of the grey map, -1 to 1; above 0 is S-shaped
    resolution_mm: tuple[float, float] = (0.085, 0.16)  # SD, axial; lateral at the focus
    focus_mm: float = 18.0
    spread: float = 0.35  # lateral SD gained a focal length away from the focus, as a share
    focus_db: float = 0.0  # brighter band around the focus
    attenuation_db_per_mm: float = 0.28  # what the machine fails to make up for
    noise_db: float = -72.0  # at the probe
    noise_db_per_mm: float = 0.2  # as it grows with depth
    looks: int = 1  # compounded angles: speckle averaged out
    smooth_px: float = 0.6
    sharpen: float = 0.0  # edge enhancement
    # Doppler.
    colours: str = "fire and ice"
    priority: int = 256  # colour is shown over greys darker than this
    wall_filter: float = 0.08  # slowest flow shown, as a share of the scale
    flash: float = 3.5  # noise above this many SD is shown
    grain_mm: tuple[float, float] = (0.06, 0.12)  # colour resolution, SD, axial and lateral
    block_px: int = 1  # colour is computed in squares of this side
    opacity: float = 1.0
    box_rgb: tuple[int, int, int] = (190, 190, 190)
    box_corners: bool = False  # the box is drawn by its corners alone
    steer_deg: float = 0.0  # the box leans by this angle
    scale_side: str = "right"
    scale_share: float = 1 / 3  # of the picture's shorter side

    def frame(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the scanned part of a picture of this (height, width)."""
        top, right, bottom, left = (
            round(share * size[i % 2]) for i, share in enumerate(self.margins)
        )
        return slice(top, size[0] - bottom), slice(left, size[1] - right)

    def paint(self, velocity: np.ndarray) -> np.ndarray:
        """Colours (..., 3) uint8 of velocities, -1 to 1; above 0 is toward the probe."""
        channels = [np.interp(velocity, STOPS, values) for values in COLOURS[self.colours]]
        return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


PLAIN = Instrument(name="Synthetic phantom")


def _numbered(settings: Sequence[dict]) -> tuple[Instrument, ...]:
    return tuple(
        Instrument(name=f"Synthetic scanner {number:02}", **chosen)
        for number, chosen in enumerate(settings, start=1)
    )


INSTRUMENTS = _numbered([
    dict(  # a clean, fine all-rounder
        ticks=True, margins=(0.03, 0.05, 0.03, 0.04), range_db=62, contrast=0.2, looks=2,
        resolution_mm=(0.075, 0.14), focus_mm=16, colours="fire and ice", steer_deg=0,
    ),
    dict(  # harsh, narrow range
        size=(400, 512), margins=(0.05, 0.10, 0.04, 0.10), gain_db=1, range_db=50, gamma=1.1,
        contrast=0.3, resolution_mm=(0.09, 0.2), focus_mm=20, focus_db=2, sharpen=0.5,
        colours="plain", priority=150, box_rgb=(60, 200, 90), block_px=2, scale_side="left",
    ),
    dict(  # soft and bright
        size=(384, 480), margins=(0, 0.07, 0.03, 0), grey_bar=True, gain_db=3, range_db=70,
        gamma=0.9, resolution_mm=(0.085, 0.17), looks=3, smooth_px=0.9, colours="pale",
        box_rgb=(230, 230, 120), steer_deg=14, opacity=0.9, scale_share=0.25,
    ),
    dict(  # wide picture, penetrating, coarse
        size=(360, 540), margins=(0.04, 0.12, 0.04, 0.12), ticks=True, gain_db=-1, range_db=58,
        resolution_mm=(0.13, 0.26), focus_mm=24, spread=0.5, attenuation_db_per_mm=0.14,
        noise_db=-68, colours="orange and cyan", grain_mm=(0.1, 0.2), box_corners=True,
    ),
    dict(  # dark, steep grey map
        size=(416, 512), margins=(0.06, 0.04, 0.06, 0.04), gain_db=0, range_db=57, gamma=1.15,
        contrast=0.3, resolution_mm=(0.07, 0.15), attenuation_db_per_mm=0.4, focus_mm=14,
        smooth_px=0.7, colours="fire and ice", priority=110, wall_filter=0.1, steer_deg=-12,
    ),
    dict(  # slightly curved probe
        size=(400, 540), margins=(0.03, 0.08, 0.02, 0.08), sector_deg=10, range_db=64,
        resolution_mm=(0.1, 0.2), looks=2, gain_db=1, colours="green end", box_rgb=(255, 255, 255),
        scale_side="left", scale_share=0.28,
    ),
    dict(  # old: noisy, blocky colour
        size=(384, 512), margins=(0.08, 0.14, 0.06, 0.14), grey_bar=True, range_db=48, gain_db=0,
        gamma=0.95, resolution_mm=(0.12, 0.28), spread=0.7, noise_db=-60, noise_db_per_mm=0.35,
        focus_db=3, smooth_px=0.8, colours="plain", flash=3.2, block_px=3, wall_filter=0.12,
    ),
    dict(  # high frequency: fine, shallow
        size=(384, 512), margins=(0.02, 0.06, 0.02, 0), ticks=True, range_db=66, contrast=0.15,
        resolution_mm=(0.06, 0.12), focus_mm=12, spread=0.5, attenuation_db_per_mm=0.45,
        noise_db=-70, noise_db_per_mm=0.4, sharpen=0.3, colours="pale", grain_mm=(0.05, 0.08),
        wall_filter=0.06, box_rgb=(120, 210, 230),
    ),
    dict(  # heavily processed: smooth areas, crisp edges
        size=(420, 560), margins=(0.05, 0.05, 0.05, 0.05), range_db=60, contrast=0.5, looks=3,
        smooth_px=1.1, sharpen=0.9, gain_db=1.5, colours="fire and ice", opacity=0.8, priority=170,
        box_corners=True, box_rgb=(240, 200, 60), scale_share=0.22,
    ),
    dict(  # curved probe, coarse and dim
        size=(420, 540), margins=(0.04, 0.06, 0.03, 0.06), sector_deg=17, ticks=True, gain_db=-2.5,
        range_db=56, resolution_mm=(0.14, 0.3), spread=0.6, noise_db=-64, focus_mm=26,
        attenuation_db_per_mm=0.2, colours="orange and cyan", grain_mm=(0.1, 0.24), block_px=2,
    ),
    dict(  # flat, low contrast, whole frame
        size=(384, 512), gain_db=2, range_db=76, gamma=1.05, contrast=-0.2,
        resolution_mm=(0.08, 0.18), looks=2, colours="green end", steer_deg=18, flash=3.7,
        box_rgb=(150, 150, 150), scale_side="left",
    ),
    dict(  # portable: small, noisy, smoothed
        size=(352, 448), margins=(0.02, 0.09, 0.1, 0.09), gain_db=1, range_db=54, noise_db=-62,
        noise_db_per_mm=0.3, resolution_mm=(0.11, 0.22), smooth_px=1.2, contrast=0.1,
        colours="plain", grain_mm=(0.12, 0.22), opacity=0.85, flash=3.3, scale_share=0.4,
    ),
    dict(  # tall picture
        size=(448, 432), margins=(0.02, 0.06, 0.02, 0.06), ticks=True, grey_bar=True, range_db=62,
        gamma=0.85, gain_db=-1, resolution_mm=(0.09, 0.15), focus_mm=20, sharpen=0.2,
        colours="orange and cyan", priority=135, box_rgb=(90, 160, 240), steer_deg=-16,
    ),
    dict(  # grainy, bright, strong enhancement at the focus
        size=(400, 520), margins=(0.07, 0.03, 0.03, 0.09), gain_db=4, range_db=64, gamma=1.15,
        contrast=0.35, resolution_mm=(0.075, 0.24), spread=0.8, focus_mm=15, focus_db=4,
        smooth_px=0.5, colours="pale", wall_filter=0.1, box_corners=True, scale_side="left",
    ),
])  # fmt: skip
