"""What makes a case's images poor inputs for the model: plain measures of their pixels.

A note keeps nothing from running and changes no result; it tells the investigator where to look.
The bounds were chosen so that ordinary pictures stay well inside them: of the synthetic ones, from
14 invented instruments, none is noted. They are not validated against any clinical standard.
"""

import numpy as np

from readerstudy.diagnosis import Modality

FLAT_LEVELS = 25
"""Of 256: the middle 98% of an image's pixels lying within fewer is nearly one shade."""
WHITE_SHARE = 0.05
"""Of the pixels: more at full brightness is lost detail. Black is no fault in ultrasound."""
WHITE_LEVEL = 254
COLOURED = 40
"""Of 256: a pixel whose channels lie this far apart is plainly no grey."""
BUS_COLOUR_SHARE = 0.005
CDFI_COLOUR_SHARE = 0.0001


def quality_notes(bus: np.ndarray, cdfi: np.ndarray, *, size: int) -> list[str]:
    """What is poor about a case's two images, a sentence each; empty if nothing is.

    Parameters
    ----------
    bus, cdfi
        uint8 RGB, (H, W, 3), as stored.
    size
        Side S of the network's square input in pixels.
    """
    found = []
    for modality, image in ((Modality.BUS, bus), (Modality.CDFI, cdfi)):
        found += [f"{modality.value.upper()} {fault}." for fault in _faults(image, size=size)]
    if np.array_equal(bus, cdfi):
        return [*found, "BUS and CDFI are the same picture."]
    if (share := _colour_share(bus)) > BUS_COLOUR_SHARE:
        found.append(f"BUS has colour in {share:.1%} of its pixels; was it swapped with CDFI?")
    if _colour_share(cdfi) < CDFI_COLOUR_SHARE:
        found.append("CDFI has no colour: no flow is visible, or it is no Doppler image.")
    return found


def _faults(image: np.ndarray, *, size: int) -> list[str]:
    """What is wrong with an image whatever its modality."""
    faults = []
    height, width = image.shape[:2]
    if min(height, width) < size:
        faults.append(f"is small ({width} x {height} pixels): the model needs {size} a side")
    counts = np.bincount(_brightest(image).ravel(), minlength=256)
    below = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(below, (0.01, 0.99))
    if high - low < FLAT_LEVELS:
        faults.append(f"is nearly one shade: 98% of it lies within {high - low + 1} of 256 levels")
    if (share := counts[WHITE_LEVEL:].sum() / counts.sum()) > WHITE_SHARE:
        faults.append(f"is overexposed: {share:.1%} of its pixels are white")
    return faults


def _brightest(image: np.ndarray) -> np.ndarray:
    """The largest of each pixel's channels, uint8 (H, W)."""
    red, green, blue = np.moveaxis(image, -1, 0)
    return np.maximum(np.maximum(red, green), blue)


def _colour_share(image: np.ndarray) -> float:
    """The share of pixels that are plainly coloured."""
    red, green, blue = np.moveaxis(image, -1, 0)
    darkest = np.minimum(np.minimum(red, green), blue)
    return float((_brightest(image) - darkest >= COLOURED).mean())
