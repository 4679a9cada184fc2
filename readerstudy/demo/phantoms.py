"""Synthetic ultrasound of a cervical lymph node: a B-mode picture, a colour Doppler one, the mask.

Tissue is a map of echo levels in dB. Scatterers of that strength, blurred by a point spread
function, give fully developed speckle; absorption and log compression give the picture. Each sign
shows with a probability, never always, so the classes overlap. The probabilities are ours, chosen
after the reviews below and fitted to no data: the pictures say nothing about patients.

References: Ahuja et al., Cancer Imaging 2008, 8:48; Ying et al., Cancer Imaging 2013, 13:658;
Khanna et al., World J Surg Oncol 2011, 9:29.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import ndimage

from readerstudy.diagnosis import Etiology

DYNAMIC_RANGE_DB = 60.0
CLUTTER_DB = -57.0  # no part of a real picture is free of echoes
RESOLUTION_MM = (0.085, 0.16)  # standard deviation of the point spread, axial and lateral

Sign = StrEnum("Sign", ["HILUM", "NECROSIS", "MATTED", "RETICULATED", "ECHOES"])
Flow = StrEnum("Flow", ["ABSENT", "HILAR", "RICH_HILAR", "PERIPHERAL", "MIXED", "DISPLACED"])

# (mean, SD) of each measure, probability of each sign and flow in the order above. `axis_ratio` is
# short over long; `ragged` is the size of the margin's waves relative to its radius.
HABITS = {
    Etiology.REACTIVE: dict(
        diameter_mm=(18, 5), axis_ratio=(0.52, 0.10), cortex_db=(-41, 2.0), ragged=(0.03, 0.01),
        signs=(0.80, 0.03, 0.06, 0.06, 0.08), flow=(0.16, 0.58, 0.12, 0.04, 0.06, 0.04),
    ),
    Etiology.TUBERCULOUS: dict(
        diameter_mm=(23, 6), axis_ratio=(0.62, 0.13), cortex_db=(-42, 2.5), ragged=(0.08, 0.03),
        signs=(0.25, 0.60, 0.50, 0.06, 0.50), flow=(0.20, 0.14, 0.03, 0.15, 0.08, 0.40),
    ),
    Etiology.LYMPHOMA: dict(
        diameter_mm=(25, 7), axis_ratio=(0.73, 0.12), cortex_db=(-46, 2.0), ragged=(0.03, 0.01),
        signs=(0.30, 0.06, 0.18, 0.60, 0.04), flow=(0.06, 0.22, 0.45, 0.07, 0.15, 0.05),
    ),
    Etiology.METASTATIC: dict(
        diameter_mm=(21, 7), axis_ratio=(0.74, 0.12), cortex_db=(-42, 2.5), ragged=(0.05, 0.02),
        signs=(0.15, 0.28, 0.14, 0.08, 0.22), flow=(0.10, 0.10, 0.05, 0.50, 0.17, 0.08),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """A synthetic case; pixels are square."""

    bus: np.ndarray  # (H, W, 3) uint8, RGB
    cdfi: np.ndarray  # (H, W, 3) uint8, RGB
    mask: np.ndarray  # (H, W) bool, the node
    mm_per_pixel: float
    diameter_mm: float  # longest diameter of the mask, to 0.1 mm
    signs: frozenset[Sign]
    flow: Flow


@dataclass(frozen=True, kw_only=True)
class _Plane:
    """The scanned plane: `z` (h, w) complex64 is across + i * depth in mm."""

    z: np.ndarray
    mm: float  # a pixel's side

    def texture(self, rng, *grain_mm: float) -> np.ndarray:
        """Smooth noise (h, w) of mean 0 and SD 1, its grain given down and across."""
        noise = rng.standard_normal(self.z.shape, dtype=np.float32)
        sigma = np.divide(grain_mm, self.mm)
        smooth = ndimage.gaussian_filter(noise, sigma, truncate=2.5, mode="wrap")
        return smooth / smooth.std()


@dataclass(frozen=True, kw_only=True)
class _Lobe:
    """An ellipse with an irregular margin. In its unit coordinates, complex, it is a disc."""

    centre: complex
    semi_axes: tuple[float, float]
    turn: complex  # exp(i * tilt)
    waves: np.ndarray  # (K,) complex, the margin's harmonics 2, 3, ...

    def _margin(self, p: np.ndarray) -> np.ndarray:
        angles = np.linspace(-np.pi, np.pi, 361)
        harmonics = np.exp(1j * np.outer(angles, np.arange(2, 2 + self.waves.size)))
        return np.interp(np.angle(p), angles, 1 + (harmonics @ self.waves).real)

    def from_mm(self, z: np.ndarray) -> np.ndarray:
        w = (z - self.centre) / self.turn
        p = w.real / self.semi_axes[0] + 1j * (w.imag / self.semi_axes[1])
        return p / self._margin(p)

    def to_mm(self, p: np.ndarray) -> np.ndarray:
        p = p * self._margin(p)
        w = self.semi_axes[0] * p.real + 1j * self.semi_axes[1] * p.imag
        return self.centre + self.turn * w


def draw_phantom(*, etiology: Etiology, seed: int, size: tuple[int, int] = (384, 512)) -> Phantom:
    """One synthetic case; the same arguments give the same pixels.

    `seed` is 0 or above; another etiology with the same seed is another picture altogether.
    `size` is (height, width) in pixels. Raises ValueError if a side is shorter than 64.
    """
    if min(size) < 64:
        raise ValueError(f"a phantom is at least 64 pixels a side, not {size}")
    node_rng, tissue_rng, flow_rng = np.random.default_rng([seed, etiology.class_index]).spawn(3)
    habit = HABITS[etiology]
    signs = frozenset(s for s, p in zip(Sign, habit["signs"], strict=True) if node_rng.random() < p)
    flow = list(Flow)[node_rng.choice(len(Flow), p=habit["flow"])]
    plane, lobes = _place(rng=node_rng, habit=habit, matted=Sign.MATTED in signs, size=size)
    units = np.stack([lobe.from_mm(plane.z) for lobe in lobes])
    mask = (np.abs(units) < 1).any(axis=0)
    grey = _b_mode(rng=tissue_rng, plane=plane, units=units, habit=habit, signs=signs)
    velocity = _velocity(rng=flow_rng, plane=plane, lobe=lobes[0], flow=flow)
    return Phantom(
        bus=np.repeat(grey[..., None], 3, axis=2),
        cdfi=_overlay(grey=grey, velocity=velocity, mask=mask, margin_px=round(2.5 / plane.mm)),
        mask=mask,
        mm_per_pixel=plane.mm,
        diameter_mm=round(longest_px(mask=mask) * plane.mm, 1),
        signs=signs,
        flow=flow,
    )


def speckle(*, rng: np.random.Generator, amplitude: np.ndarray, grain_px) -> np.ndarray:
    """Envelope (H, W) of fully developed speckle, before log compression.

    Scatterers of constant `amplitude` (H, W) give a Rayleigh distribution with mean square
    amplitude**2. `grain_px` is the point spread's SD, (axial, lateral), at least 0.6.
    """
    noise = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
    field = ndimage.gaussian_filter(noise * amplitude.astype(np.float32), (0, *grain_px))
    energy = 1 / (4 * np.pi * np.prod(grain_px))  # of the normalised Gaussian kernel
    return np.hypot(*field) / np.sqrt(2 * energy)


def longest_px(*, mask: np.ndarray) -> float:
    """The longest (maximal Feret) diameter of a mask (H, W), in pixels."""
    edge = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    angles = np.deg2rad(np.arange(180))
    return float(np.ptp(edge @ [np.sin(angles), np.cos(angles)], axis=0).max() + 1)


def _place(*, rng, habit: dict, matted: bool, size) -> tuple[_Plane, list[_Lobe]]:
    """The plane, deep and wide enough for the node, and the node's lobes, the main one first."""
    height, width = size
    long = np.clip(rng.normal(*habit["diameter_mm"]), 8, 40) / 2
    ratio = np.clip(rng.normal(*habit["axis_ratio"]), 0.32, 0.95)
    turn = np.exp(1j * rng.normal(0, 0.16))
    reach = long * np.hypot(turn.imag, ratio * turn.real)  # up and down
    deep = rng.uniform(9, 12) + reach
    mm = max(rng.uniform(28, 38), deep + 1.1 * reach + 5, 2.7 * long * height / width) / height
    across = width * mm / 2 + rng.uniform(-0.7, 0.4) * (width * mm / 2 - 1.2 * long)
    parts = [(0.0, 1.0)]  # of each lobe: where along the long axis, how long
    if matted:
        parts = [(rng.uniform(-0.3, -0.1), 0.72), (0.52, 0.5), (-0.62, 0.4)][: rng.integers(2, 4)]
    lobes = []
    for along, share in parts:
        centre = across + 1j * deep + along * long * turn
        semi_axes = long * share, long * ratio * np.sqrt(share)
        waves = rng.normal(*habit["ragged"]) / np.arange(1.5, 9)
        waves = waves * (rng.normal(size=(8, 2)) @ [1, 1j])
        lobes.append(_Lobe(centre=centre, semi_axes=semi_axes, turn=turn, waves=waves))
    x, y = np.meshgrid(np.arange(width) * mm, np.arange(height) * mm)
    return _Plane(z=(x + 1j * y).astype(np.complex64), mm=float(mm)), lobes


def _b_mode(*, rng, plane: _Plane, units: np.ndarray, habit: dict, signs) -> np.ndarray:
    """The grey picture (h, w) uint8."""
    radii, cortex = np.abs(units), rng.normal(*habit["cortex_db"])
    inside, absorbed = _node_db(rng=rng, plane=plane, units=units, cortex_db=cortex, signs=signs)
    share = np.clip(0.5 + (5 if Sign.NECROSIS in signs else 10) * (1 - radii.min(axis=0)), 0, 1)
    level = _neck_db(rng=rng, plane=plane)
    level += share * (inside - level)
    level += 5 * np.exp(-(((radii - 1) / 0.03) ** 2)).sum(axis=0) * plane.texture(rng, 0.8, 0.8)
    # The machine makes up for the absorption of ordinary tissue, though not quite.
    loss = np.cumsum(share * absorbed, axis=0) * plane.mm + rng.uniform(0.15, 0.4) * plane.z.imag
    contact = ndimage.gaussian_filter1d(rng.standard_normal(level.shape[1]), 2.5 / plane.mm)
    level = np.maximum(level - loss + contact / contact.std(), CLUTTER_DB)
    grain = np.maximum(np.divide(RESOLUTION_MM, plane.mm), 0.6)
    envelope = speckle(rng=rng, amplitude=10 ** (level / 20), grain_px=grain)
    shown = 255 * (1 + 20 * np.log10(envelope + 1e-6) / DYNAMIC_RANGE_DB)
    return np.rint(np.clip(ndimage.gaussian_filter(shown, 0.6), 0, 255)).astype(np.uint8)


def _neck_db(*, rng, plane: _Plane) -> np.ndarray:
    """Echo level (h, w) around the node: skin, fat, muscle, connective tissue, deep muscle."""
    x, y = plane.z.real, plane.z.imag
    bend = 0.5 * sum(np.sin(x[0] / rng.uniform(3.5, 12) + rng.uniform(0, 6.3)) for _ in range(3))
    depth = y + bend * np.minimum(y / 5, 1.5)
    borders = [1.3, rng.uniform(3.5, 5.5), rng.uniform(8, 10.5), rng.uniform(0.65, 0.95) * y.max()]
    layer = np.searchsorted(borders, depth)
    at = np.broadcast_arrays((depth + rng.normal(0, 0.05) * x) / plane.mm, np.arange(x.shape[1]))
    fibres = ndimage.map_coordinates(plane.texture(rng, 0.13, 1.8), at, order=1, mode="grid-wrap")
    blotches = plane.texture(rng, 0.6, 1.2)
    level = np.array([-17, -34, -36, -27, -36])[layer] + 2 * blotches
    level += np.array([2, 6, 7, 3, 6])[layer] * np.maximum(fibres, -0.4)
    for border in borders:
        level += (9 + 4 * blotches) * np.exp(-(((depth - border) / 0.16) ** 2))
    return level


def _node_db(*, rng, plane: _Plane, units: np.ndarray, cortex_db: float, signs):
    """(echo level inside the node, absorption in dB/mm relative to its surroundings), (h, w)."""
    coarse, fine = plane.texture(rng, 0.7, 0.9), plane.texture(rng, 0.3, 0.5)
    level = cortex_db + 1.5 * coarse
    absorbed = np.full(level.shape, -0.25)
    if Sign.RETICULATED in signs:
        level += 11 * np.exp(-((plane.texture(rng, 0.5, 0.6) / 0.25) ** 2)) - 2
    if Sign.HILUM in signs:
        width = rng.uniform(0.2, 0.36)
        core = np.hypot(units[0].real / 0.62, (units[0].imag - rng.uniform(-0.15, 0.15)) / width)
        level += np.clip(2.5 - 2 * core + 0.3 * coarse, 0, 1) * (-27 + 2.5 * fine - level)
    if Sign.NECROSIS in signs:
        radius = np.abs(units).min(axis=0)
        grain = 0.09 * plane.mm * np.sqrt((radius < 1).sum())
        patch = plane.texture(rng, grain, grain)
        patch += 0.1 * coarse - np.quantile(patch[radius < 0.8], rng.uniform(0.55, 0.85))
        share = np.clip(0.5 + 2 * patch, 0, 1) * np.clip(4.75 - 5 * radius, 0, 1)
        level, absorbed = level + share * (CLUTTER_DB - level), absorbed - 0.35 * share
    if Sign.ECHOES in signs:
        share = np.clip(2 * fine + 0.8 * coarse - rng.uniform(2.9, 4.1), 0, 1)
        level, absorbed = level + share * (-22 - level), absorbed + 1.2 * share
    return level, absorbed


def _velocity(*, rng, plane: _Plane, lobe: _Lobe, flow: Flow) -> np.ndarray:
    """Mean velocity (h, w) as a share of the scale, above 0 toward the probe, 0 where none."""
    flash = plane.texture(rng, 0.2, 0.35)
    velocity = 0.25 * np.sign(flash) * (np.abs(flash) > 3.5)
    empty = np.ones(velocity.shape, dtype=bool)
    speed, calibre = np.zeros((2, *velocity.shape))
    for curve in _vessels(rng=rng, flow=flow):
        line = lobe.to_mm(curve)
        upward = -np.sin(np.angle(np.gradient(line)))
        row, column = np.rint([line.imag / plane.mm, line.real / plane.mm]).astype(int)
        at = row.clip(0, empty.shape[0] - 1), column.clip(0, empty.shape[1] - 1)
        empty[at] = False
        peak = rng.uniform(0.5, 1.1) * rng.choice([1, -1], p=[0.7, 0.3])  # artery or vein
        speed[at] = peak * (0.75 * upward + 0.25 * np.sign(upward))
        calibre[at] = rng.uniform(0.3, 0.65) * np.linspace(1.2, 0.6, line.size)
    if not empty.all():
        distance, nearest = ndimage.distance_transform_edt(empty, return_indices=True)
        patchy = 1 + 0.3 * plane.texture(rng, 0.3, 0.35) + 0.35 * plane.texture(rng, 1, 1)
        width = np.maximum(calibre[*nearest] * patchy / plane.mm, 0.7)
        profile = np.sqrt(np.clip(1 - (distance / width) ** 2, 0, None))
        velocity += speed[*nearest] * profile * (1 + 0.2 * plane.texture(rng, 0.12, 0.2))
    velocity = ndimage.gaussian_filter(velocity, [0.06 / plane.mm, 0.12 / plane.mm])
    velocity[np.abs(velocity) < 0.08] = 0  # the wall filter
    return (velocity + 1) % 2 - 1  # aliasing: past the scale's end, the other direction's colour


def _vessels(*, rng, flow: Flow) -> list[np.ndarray]:
    """Centre lines, each (T,) in a lobe's unit coordinates, from the feeding end on."""
    t = np.linspace(0, 1, 400)
    hilum, start = rng.uniform(0, 2 * np.pi, 2)
    lines = []
    if flow in (Flow.HILAR, Flow.RICH_HILAR, Flow.MIXED):
        count = rng.integers(5, 9) if flow is Flow.RICH_HILAR else rng.integers(2, 4)
        for angle in np.linspace(1.6, 4.7, count) + rng.normal(0, 0.3, count):
            fork, tip = rng.uniform(0, 0.35), rng.uniform(0.4, 0.85) * np.exp(1j * angle)
            branch = 1.05 * (1 - t) ** 2 + 2 * fork * t * (1 - t) + tip * t**2
            lines.append(branch * np.exp(1j * (hilum + 0.05 * np.sin(rng.uniform(6, 14) * t))))
    if flow in (Flow.PERIPHERAL, Flow.MIXED, Flow.DISPLACED):
        least, inner, longest = (1, 0.6, 0.7) if flow is Flow.DISPLACED else (3, 0.88, 1.2)
        for angle in start + np.arange(least + rng.integers(3)) * 2.4:
            arc = angle + rng.uniform(0.3, 1) * longest * t
            radius = rng.uniform(inner, 1) + 0.04 * np.sin(rng.uniform(6, 12) * t + angle)
            lines.append(radius * np.exp(1j * arc))
    return lines


def _overlay(*, grey: np.ndarray, velocity: np.ndarray, mask: np.ndarray, margin_px: int):
    """The Doppler picture (h, w, 3) uint8: colour within a box around the node, and its scale."""
    shown = np.repeat(grey[..., None], 3, axis=2)
    rows, columns = (ndimage.binary_dilation(mask.any(a), iterations=margin_px) for a in (1, 0))
    box = np.logical_and.outer(rows, columns)
    moving = box & (velocity != 0)
    shown[moving] = _paint(velocity[moving])
    shown[box & ~ndimage.binary_erosion(box)] = 190
    edge, length, width = (min(grey.shape) // parts for parts in (24, 3, 32))
    shown[edge - 1 : edge + length + 1, -edge - width - 1 : 1 - edge] = 0
    shown[edge : edge + length, -edge - width : -edge] = _paint(np.linspace(1, -1, length))[:, None]
    return shown


def _paint(velocity: np.ndarray) -> np.ndarray:
    """Colours (..., 3) uint8: red to yellow toward the probe, blue to cyan away from it."""
    stops = [-1, -0.5, -0.02, 0, 0.02, 0.5, 1]
    red = np.interp(velocity, stops, [130, 20, 0, 0, 90, 225, 255])
    green = np.interp(velocity, stops, [240, 70, 0, 0, 0, 35, 230])
    blue = np.interp(velocity, stops, [255, 230, 100, 0, 0, 10, 70])
    return np.rint(np.stack([red, green, blue], axis=-1)).astype(np.uint8)
