"""Where everything lies: the scanned plane, the node in it, the great vessels beside it."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from readerstudy.demo.phantoms.findings_model import NodeFindings, Sign
from readerstudy.demo.phantoms.hospitals import Technique

_ROUND = np.exp(1j * np.linspace(-np.pi, np.pi, 73))  # of the unit circle


@dataclass(frozen=True, kw_only=True)
class Plane:
    """The scanned plane: `z` (h, w) complex64 is across + i * down in mm."""

    z: np.ndarray
    mm: float  # a pixel's side
    depth: np.ndarray  # (h, w) float32, mm from the probe's face
    seen: np.ndarray  # (h, w) bool, inside the probe's field of view

    def texture(self, rng, *grain_mm: float) -> np.ndarray:
        """Smooth noise (h, w) of mean 0 and SD 1, its grain given down and across."""
        noise = rng.standard_normal(self.z.shape, dtype=np.float32)
        down, across = np.divide(grain_mm, self.mm)
        spectrum = fft.rfft2(noise)
        spectrum *= _gaussian(fft.fftfreq(noise.shape[0]), down)[:, None]
        spectrum *= _gaussian(fft.rfftfreq(noise.shape[1]), across)
        spectrum[0, 0] = 0
        smooth = fft.irfft2(spectrum, s=noise.shape)
        return smooth / smooth.std()

    def sees(self, z: np.ndarray) -> bool:
        """Whether all these points (N,) lie inside the field of view."""
        row, column = np.floor(np.stack([z.imag, z.real]) / self.mm).astype(int)
        inside = (row >= 0) & (row < self.z.shape[0]) & (column >= 0) & (column < self.z.shape[1])
        return bool(inside.all() and self.seen[row, column].all())


def _gaussian(frequency: np.ndarray, sd_px: float) -> np.ndarray:
    """Transfer function of a Gaussian blur, frequency in cycles a pixel."""
    return np.exp(-2 * (np.pi * frequency * sd_px) ** 2).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Lobe:
    """An ellipse with an irregular margin. In its unit coordinates, complex, it is a disc."""

    centre: complex
    semi_axes: tuple[float, float]
    turn: complex = 1  # exp(i * tilt)
    waves: tuple[complex, ...] = ()  # the margin's harmonics 2, 3, ...

    def _margin(self, p: np.ndarray) -> np.ndarray | int:
        if not self.waves:
            return 1
        angles = np.linspace(-np.pi, np.pi, 361)
        harmonics = np.exp(1j * np.outer(angles, np.arange(2, 2 + len(self.waves))))
        radius = np.interp(np.angle(p), angles, 1 + (harmonics @ np.array(self.waves)).real)
        return radius.astype(p.real.dtype)

    def from_mm(self, z: np.ndarray) -> np.ndarray:
        # Python's numbers, unlike NumPy's, leave the precision of `z` as it is.
        w = (z - complex(self.centre)) * complex(1 / self.turn)
        p = w.real / float(self.semi_axes[0]) + 1j * (w.imag / float(self.semi_axes[1]))
        return p / self._margin(p)

    def to_mm(self, p: np.ndarray) -> np.ndarray:
        p = p * self._margin(p)
        w = self.semi_axes[0] * p.real + 1j * self.semi_axes[1] * p.imag
        return self.centre + self.turn * w

    def clear_of(self, other: "Lobe", gap_mm: float) -> bool:
        """Whether the two are apart by this much."""
        grown = tuple(np.add(self.semi_axes, gap_mm))
        mine = Lobe(centre=self.centre, semi_axes=grown, turn=self.turn, waves=self.waves)
        return bool(
            (np.abs(mine.from_mm(other.to_mm(_ROUND))) > 1).all()
            and (np.abs(other.from_mm(mine.to_mm(_ROUND))) > 1).all()
        )


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """What the probe looks at."""

    plane: Plane
    lobe: Lobe  # the node's main one
    units: np.ndarray  # (L, h, w) complex64, the plane in the unit coordinates of each lobe
    # Of each great vessel: the plane in its unit coordinates, (h, w), and whether it is an artery.
    vessels: list[tuple[np.ndarray, bool]]

    @property
    def mask(self) -> np.ndarray:
        """(h, w) bool, the node."""
        return (np.abs(self.units) < 1).any(axis=0)


def place(
    *,
    rng: np.random.Generator,
    findings: NodeFindings,
    technique: Technique,
    shape: tuple[int, int],
    sector_deg: float,
) -> Anatomy:
    """A plane of `shape` (h, w) pixels, deep and wide enough for the node, and what lies in it."""
    height, width = shape
    long = findings.diameter_mm / 2
    turn = np.exp(1j * rng.normal(0, 0.2))
    reach = long * np.hypot(turn.imag, findings.axis_ratio * turn.real)  # up and down
    widest = 2.7 * long / (0.7 if sector_deg else 1)
    least = 5.5 + 2.2 * reach + 3  # skin and fat above the node, a little below it
    depth_mm = max(rng.uniform(*technique.depth_mm), least + rng.uniform(0, 6))
    mm = max(depth_mm / height, widest / width)
    deep = 5.5 + 1.1 * reach + rng.uniform(0, 0.9) * (height * mm - least)
    plane = _plane(shape=shape, mm=float(mm), sector_deg=sector_deg)
    side = rng.uniform(-0.9, 0.9)
    outline = _outline(long, reach)
    for inward in (1, 0.8, 0.6, 0.4, 0.2, 0):
        middle = width * mm / 2 * (1 + inward * side) + 1j * deep
        if plane.sees(middle + outline):
            break
    lobes = _lobes(rng=rng, findings=findings, middle=middle, turn=turn)
    looked_for = rng.random() < technique.vessels
    vessels = _great_vessels(rng=rng, plane=plane, lobes=lobes) if looked_for else []
    return Anatomy(
        plane=plane,
        lobe=lobes[0],
        units=np.stack([lobe.from_mm(plane.z) for lobe in lobes]),
        vessels=[(lumen.from_mm(plane.z), is_artery) for lumen, is_artery in vessels],
    )


def _outline(long: float, reach: float) -> np.ndarray:
    """Points (N,) around a node centred at 0, with room for its margin's waves."""
    return 1.15 * (long * _ROUND.real + 1j * reach * _ROUND.imag)


def _plane(*, shape: tuple[int, int], mm: float, sector_deg: float) -> Plane:
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) * mm for n in shape[::-1]))
    depth, seen = y, np.ones(shape, dtype=bool)
    if sector_deg:
        # A curved face: its centre of curvature lies above the picture, whose full width and
        # height the sector fills.
        sine = np.sin(np.deg2rad(sector_deg))
        radius = max(shape[1] / (2 * sine) - shape[0], 0.2 * shape[0]) * mm
        from_centre = x - shape[1] * mm / 2 + 1j * (y + radius)
        depth = (np.abs(from_centre) - radius).astype(np.float32)
        leaning = np.abs(from_centre.real) <= sine * np.abs(from_centre)
        seen = leaning & (depth >= 0) & (depth <= shape[0] * mm)
    return Plane(z=(x + 1j * y).astype(np.complex64), mm=mm, depth=depth, seen=seen)


def _lobes(*, rng, findings: NodeFindings, middle: complex, turn: complex) -> list[Lobe]:
    parts = [(0.0, 1.0)]  # of each lobe: where along the long axis, how long
    if Sign.MATTED in findings.signs:
        parts = [(rng.uniform(-0.3, -0.1), 0.72), (0.52, 0.5), (-0.62, 0.4)][: rng.integers(2, 4)]
        if rng.random() < 0.5:  # the main one to the right as often as to the left
            parts = [(-along, share) for along, share in parts]
    long = findings.diameter_mm / 2
    lobes = []
    for along, share in parts:
        semi_axes = long * share, long * findings.axis_ratio * np.sqrt(share)
        waves = findings.ragged / np.arange(1.5, 9) * (rng.normal(size=(8, 2)) @ [1, 1j])
        centre = middle + along * long * turn
        lobes.append(Lobe(centre=centre, semi_axes=semi_axes, turn=turn, waves=tuple(waves)))
    return lobes


def _great_vessels(*, rng, plane: Plane, lobes: list[Lobe]) -> list[tuple[Lobe, bool]]:
    """The carotid and often the jugular, across or along the picture, where there is room.

    Each is its lumen, and whether it is an artery.
    """
    width, height = plane.mm * plane.z.shape[1], plane.mm * plane.z.shape[0]
    calibre = rng.uniform(2.4, 3.6)
    tries = [(rng.uniform(-0.05, 1.05), rng.uniform(0.3, 0.95)) for _ in range(12)]
    along = rng.random() < 0.3
    for across, down in tries:
        centre = across * width + 1j * down * height
        tilt = np.exp(1j * rng.normal(0, 0.05))
        axes = (4 * width, calibre) if along else (calibre, calibre * rng.uniform(0.85, 1))
        carotid = Lobe(centre=centre, semi_axes=axes, turn=tilt)
        if all(carotid.clear_of(lobe, 0.8) for lobe in lobes) and centre.imag > calibre + 7:
            break
    else:
        return []
    vessels = [(carotid, True)]
    flat = calibre * rng.uniform(1.1, 1.9), calibre * rng.uniform(0.45, 1.1)
    for angle in rng.permutation([-2.6, -2.1, -0.5, -1.0]):
        step = (calibre + 0.7) * np.exp(1j * angle) + flat[0] * np.cos(angle)
        beside = centre + step + 1j * flat[1] * np.sin(angle)
        jugular = Lobe(centre=beside, semi_axes=flat, turn=np.exp(1j * rng.normal(0, 0.25)))
        if along or beside.imag < flat[1] + 5 or not jugular.clear_of(carotid, 0.3):
            continue
        if all(jugular.clear_of(lobe, 0.8) for lobe in lobes):
            return [*vessels, (jugular, False)]
    return vessels


def longest_px(*, mask: np.ndarray) -> float:
    """The longest (maximal Feret) diameter of a mask (H, W), in pixels."""
    edge = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    angles = np.deg2rad(np.arange(180))
    return float(np.ptp(edge @ [np.sin(angles), np.cos(angles)], axis=0).max() + 1)
