"""The colour Doppler picture: vessels of the node and the neck, and what the machine shows."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from readerstudy.demo.phantoms.anatomy import Anatomy
from readerstudy.demo.phantoms.findings_model import Flow
from readerstudy.demo.phantoms.instruments import Instrument


def doppler(
    *,
    rng: np.random.Generator,
    anatomy: Anatomy,
    flow: Flow,
    instrument: Instrument,
    grey: np.ndarray,
    mask: np.ndarray,
    margin_mm: float,
) -> np.ndarray:
    """The picture (h, w, 3) uint8: colour over `grey`, within a box around the node's mask."""
    plane = anatomy.plane
    velocity = _measured(_velocity(rng=rng, anatomy=anatomy, flow=flow, instrument=instrument),
                         anatomy=anatomy, instrument=instrument)  # fmt: skip
    box = _Box.around(mask, rng=rng, margin_px=margin_mm / plane.mm, instrument=instrument)
    shown = np.repeat(grey[..., None], 3, axis=2)
    moving = box.area & plane.seen & (velocity != 0)
    moving &= ndimage.uniform_filter(grey, 3) < instrument.priority
    colour = instrument.opacity * instrument.paint(velocity[moving])
    shown[moving] = np.rint(colour + (1 - instrument.opacity) * shown[moving])
    shown[box.line & plane.seen] = instrument.box_rgb
    return shown


def _velocity(*, rng, anatomy: Anatomy, flow: Flow, instrument: Instrument) -> np.ndarray:
    """Velocity (h, w) as a share of the scale, above 0 toward the probe, 0 where none."""
    plane = anatomy.plane
    flash = plane.texture(rng, 0.2, 0.35)
    velocity = 0.25 * np.sign(flash) * (np.abs(flash) > instrument.flash)
    empty = np.ones(velocity.shape, dtype=bool)
    speed, calibre = np.zeros((2, *velocity.shape), dtype=np.float32)
    for curve in _vessels(rng=rng, flow=flow):
        line = anatomy.lobe.to_mm(curve)
        upward = -np.sin(np.angle(np.gradient(line)))
        row, column = np.rint([line.imag / plane.mm, line.real / plane.mm]).astype(int)
        at = row.clip(0, empty.shape[0] - 1), column.clip(0, empty.shape[1] - 1)
        empty[at] = False
        peak = rng.uniform(0.5, 1.1) * rng.choice([1, -1], p=[0.7, 0.3])  # artery or vein
        speed[at] = peak * (0.75 * upward + 0.25 * np.sign(upward))
        calibre[at] = rng.uniform(0.3, 0.65) * np.linspace(1.2, 0.6, line.size)
    ripple = 1 + 0.2 * plane.texture(rng, 0.12, 0.2)
    if not empty.all():
        distance, nearest = ndimage.distance_transform_edt(empty, return_indices=True)
        patchy = 1 + 0.3 * plane.texture(rng, 0.3, 0.35) + 0.35 * plane.texture(rng, 1, 1)
        width = np.maximum(calibre[*nearest] * patchy / plane.mm, 0.7)
        profile = np.sqrt(np.clip(1 - (distance / width) ** 2, 0, None))
        velocity += speed[*nearest] * profile * ripple
    toward = rng.choice([1, -1])
    for lumen, is_artery in anatomy.vessels:
        profile = np.sqrt(np.clip(1 - np.abs(lumen) ** 2, 0, None))
        peak = rng.uniform(0.6, 1.15) if is_artery else -rng.uniform(0.15, 0.6)
        velocity += toward * peak * profile * ripple
    return velocity


def _measured(velocity: np.ndarray, *, anatomy: Anatomy, instrument: Instrument) -> np.ndarray:
    """What the machine makes of velocities: blurred, in squares, without the slow, aliased."""
    grain = np.divide(instrument.grain_mm, anatomy.plane.mm)
    velocity = ndimage.gaussian_filter(velocity, grain)
    if (side := instrument.block_px) > 1:
        at = [np.arange(n) // side * side for n in velocity.shape]
        velocity = velocity[np.ix_(*at)]
    velocity[np.abs(velocity) < instrument.wall_filter] = 0
    return (velocity + 1) % 2 - 1  # past the scale's end, the other direction's colour


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


@dataclass(frozen=True, kw_only=True)
class _Box:
    """The colour box: its area and its line, both (h, w) bool."""

    area: np.ndarray
    line: np.ndarray

    @classmethod
    def around(cls, mask: np.ndarray, *, rng, margin_px: float, instrument: Instrument) -> "_Box":
        """A box that holds the node, with about this margin, and leans as the machine's does."""
        ends = [np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0)]
        (top, bottom), (left, right) = (
            end + np.rint(margin_px * rng.uniform(0.6, 1, 2) * [-1, 1]).astype(int) for end in ends
        )
        row, column = np.ogrid[: mask.shape[0], : mask.shape[1]]
        lean = np.tan(np.deg2rad(instrument.steer_deg))
        # A leaning box is a little wider, so that the node is still inside where it is widest.
        wider = abs(lean) * (bottom - top) / 4
        column = column - np.rint(lean * (row - (top + bottom) / 2)).astype(int)
        left, right = max(left - round(wider), 0), min(right + round(wider), mask.shape[1] - 1)
        top, bottom = max(top, 0), min(bottom, mask.shape[0] - 1)
        area = (row >= top) & (row <= bottom) & (column >= left) & (column <= right)
        across = (row == top) | (row == bottom)
        beside = (column == left) | (column == right)
        if instrument.box_corners:
            arm = max((bottom - top) // 6, 2)
            near_row = (row - top < arm) | (bottom - row < arm)
            near_column = (column - left < arm) | (right - column < arm)
            across, beside = across & near_column, beside & near_row
        return cls(area=area, line=area & (across | beside))
