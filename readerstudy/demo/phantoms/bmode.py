"""The B-mode picture: echo levels in dB of all tissue, then what the machine makes of them.

Scatterers of a level's strength, blurred by a point spread function, give fully developed
speckle; absorption, noise and log compression give the picture.
"""

import numpy as np
from scipy import fft, ndimage

from readerstudy.demo.phantoms.anatomy import Anatomy, Plane
from readerstudy.demo.phantoms.findings_model import NodeFindings, Sign
from readerstudy.demo.phantoms.instruments import Instrument

CLUTTER_DB = -57.0  # no part of a real picture is free of echoes
MIDDLE_DB = -30.0  # shown as middle grey
_PER_DB = float(np.log(10) / 20)  # of an amplitude, natural logarithm


def speckle(*, rng: np.random.Generator, amplitude: np.ndarray, grain_px) -> np.ndarray:
    """Field (H, W) complex64 of fully developed speckle; its modulus is the envelope.

    Scatterers of constant `amplitude` (H, W) give a Rayleigh envelope with mean square
    amplitude**2. `grain_px` is the point spread's SD, (axial, lateral), at least 0.6; the
    lateral one may be an array (H,), of each row.
    """
    axial, lateral = grain_px[0], np.broadcast_to(grain_px[1], amplitude.shape[:1])
    noise = rng.standard_normal((*amplitude.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    noise *= amplitude
    frequency = fft.fftfreq(amplitude.shape[1])
    spread = np.exp(-2 * (np.pi * np.outer(lateral, frequency)) ** 2).astype(np.float32)
    field = fft.ifft(fft.fft(noise, axis=1) * spread, axis=1)
    field = ndimage.gaussian_filter1d(field.view(np.float32).reshape(*field.shape, 2), axial, 0)
    energy = 1 / (4 * np.pi * axial * lateral)  # of the normalised Gaussian kernel
    return field.view(np.complex64)[..., 0] / np.sqrt(2 * energy)[:, None].astype(np.float32)


def b_mode(
    *,
    rng: np.random.Generator,
    anatomy: Anatomy,
    findings: NodeFindings,
    instrument: Instrument,
    gain_db: float,
) -> np.ndarray:
    """The grey picture (h, w) uint8, black outside the field of view."""
    plane = anatomy.plane
    level, absorbed = _tissue_db(rng=rng, anatomy=anatomy, findings=findings)
    # The machine makes up for the absorption of ordinary tissue, though not quite.
    loss = np.cumsum(absorbed, axis=0, dtype=np.float32) * plane.mm
    loss += instrument.attenuation_db_per_mm * rng.uniform(0.6, 1.4) * plane.depth
    contact = ndimage.gaussian_filter1d(rng.standard_normal(level.shape[1]), 2.5 / plane.mm)
    level += contact / contact.std() - loss
    off = (plane.depth[:, plane.depth.shape[1] // 2] - instrument.focus_mm) / instrument.focus_mm
    level += (instrument.focus_db * np.exp(-((off / 0.25) ** 2)))[:, None]
    amplitude = np.exp(np.maximum(level, CLUTTER_DB) * _PER_DB)
    axial, lateral = (np.divide(mm, plane.mm) for mm in instrument.resolution_mm)
    wider = lateral * np.sqrt(1 + (instrument.spread * off) ** 2)
    grain = max(axial, 0.6), np.maximum(wider, 0.6)
    noise = np.exp((instrument.noise_db + instrument.noise_db_per_mm * plane.depth) * _PER_DB)
    intensity = 0.0
    for _ in range(instrument.looks):
        field = speckle(rng=rng, amplitude=amplitude, grain_px=grain)
        electronic = rng.standard_normal((*field.shape, 2), dtype=np.float32)
        field += noise * electronic.view(np.complex64)[..., 0] / np.sqrt(2, dtype=np.float32)
        intensity += field.real**2 + field.imag**2
    shown_db = np.log(intensity / instrument.looks + 1e-8) / (2 * _PER_DB)
    return np.where(plane.seen, _compress(shown_db + gain_db, instrument), 0).astype(np.uint8)


def _compress(level_db: np.ndarray, instrument: Instrument) -> np.ndarray:
    """Greys (h, w), 0 to 255, of envelope levels."""
    grey = 0.5 + (level_db - MIDDLE_DB + instrument.gain_db) / instrument.range_db
    grey = ndimage.gaussian_filter(grey, instrument.smooth_px)
    if instrument.sharpen:
        grey += instrument.sharpen * (grey - ndimage.gaussian_filter(grey, 2.5, truncate=2.5))
    grey = np.clip(grey, 0, 1)
    grey -= instrument.contrast * np.sin(2 * np.pi * grey) / (2 * np.pi)
    return np.rint(255 * np.clip(grey, 0, 1) ** instrument.gamma)


def _tissue_db(*, rng, anatomy: Anatomy, findings: NodeFindings):
    """(echo level, absorption in dB/mm relative to ordinary tissue), (h, w)."""
    plane = anatomy.plane
    units, radii = anatomy.units, np.abs(anatomy.units)
    inside, absorbed = _node_db(rng=rng, plane=plane, units=units, findings=findings)
    crisp = 5 if Sign.NECROSIS in findings.signs else 10
    share = np.clip(0.5 + crisp * (1 - radii.min(axis=0)), 0, 1)
    level = _neck_db(rng=rng, plane=plane)
    level += share * (inside - level)
    rim = plane.texture(rng, 0.8, 0.8)
    level += 5 * np.exp(-(((radii - 1) / 0.03) ** 2)).sum(axis=0) * rim
    absorbed *= share
    for lumen, is_artery in anatomy.vessels:
        radius = np.abs(lumen)
        share = np.clip(0.5 + 8 * (1 - radius), 0, 1)
        haze = -53 + 2 * rim + 8 * np.clip(-lumen.imag, 0, 1) ** 4
        level += share * (haze - level)
        facing = np.abs(lumen.imag) / (radius + 0.1)  # the wall meets the beam squarely
        wall = (14 if is_artery else 6) * (0.6 + 0.6 * facing) + 3 * rim
        level += wall * np.exp(-(((radius - 1.08) / 0.08) ** 2))
        absorbed += share * (-0.3 - absorbed)
    return level, absorbed


def _neck_db(*, rng, plane: Plane) -> np.ndarray:
    """Echo level (h, w) around the node: skin, fat, muscle, connective tissue, deep muscle."""
    x, y = plane.z.real, plane.depth
    bend = 0.5 * sum(np.sin(x[0] / rng.uniform(3.5, 12) + rng.uniform(0, 6.3)) for _ in range(3))
    depth = y + bend * np.minimum(y / 5, 1.5)
    slope = rng.normal(0, 0.08) * (x - x.mean())
    borders = [1.3, rng.uniform(3, 5.5), rng.uniform(7, 11), rng.uniform(0.65, 0.95) * y.max()]
    tilted = depth + slope * np.clip((y - 2) / 6, 0, 1)
    layer = np.searchsorted(borders, tilted)
    at = np.broadcast_arrays((tilted + rng.normal(0, 0.05) * x) / plane.mm, np.arange(x.shape[1]))
    fibres = ndimage.map_coordinates(plane.texture(rng, 0.13, 1.8), at, order=1, mode="grid-wrap")
    blotches = plane.texture(rng, 0.6, 1.2)
    level = np.array([-17, -34, -36, -27, -36], np.float32)[layer] + 2 * blotches
    level += np.array([2, 6, 7, 3, 6], np.float32)[layer] * np.maximum(fibres, -0.4)
    level += 2.5 * plane.texture(rng, 2.5, 6)
    # Sheets of fascia and lobules of fat in the connective tissue.
    sheets = np.exp(-((plane.texture(rng, 1.2, 7) / 0.06) ** 2)) * (layer == 3)
    level += rng.uniform(1, 6) * sheets
    for border in borders:
        level += (9 + 4 * blotches) * np.exp(-(((tilted - border) / 0.16) ** 2))
    return level


def _node_db(*, rng, plane: Plane, units: np.ndarray, findings: NodeFindings):
    """(echo level inside the node, absorption in dB/mm relative to its surroundings), (h, w)."""
    signs = findings.signs
    coarse, fine = plane.texture(rng, 0.7, 0.9), plane.texture(rng, 0.3, 0.5)
    level = findings.cortex_db + 1.5 * coarse
    absorbed = np.full(level.shape, -0.25, dtype=np.float32)
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
        specks = plane.texture(rng, 0.2, 0.3)
        share = np.clip(2 * specks + 0.8 * coarse - rng.uniform(3.2, 4.6), 0, 1)
        level, absorbed = level + share * (-22 - level), absorbed + 1.2 * share
    return level, absorbed
