"""What a person must know who looks at a picture: where it may be false, or no picture at all."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

COLOURS, PLANES = "colours", "planes"
STRETCHED, SHAPE = "stretched", "shape"
FRAMES, EXTRA = "frames", "extra"
BLACK, FLAT, GREY, COLOURED = "black", "flat", "grey", "coloured"
OF_CONTENT = (BLACK, FLAT, GREY, COLOURED)
SIZE, BURNED_IN = "size", "burned_in"

BLACK_LEVEL = 16
"""Of 256: where hardly a pixel is brighter, there is nothing to see."""
FLAT_LEVELS = 10
"""Of 256: the picture lies within fewer, but for a few pixels."""
FEW = 0.001
"""Of the pixels."""
GREY_WITHIN = 40
"""Of 256: a pixel whose channels lie this far apart is plainly no grey."""
STRONG = 90
"""The same of a pixel that shows flow, and no tint that a machine gives to all that is bright."""
STRONG_SHARE = 0.005
"""Of the pixels, of a picture that is not plain B-mode."""
COLOUR_SHARE = 0.0001
"""Of the pixels, of a Doppler picture that shows any flow."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. One that must be answered keeps the picture from being approved until a
    person has looked at it and said that it is right."""

    kind: str
    text: str
    must_answer: bool = True


def content_findings(rgb: np.ndarray, *, in_colour: bool) -> list[Finding]:
    """What the pixels themselves give away.

    Parameters
    ----------
    rgb : numpy.ndarray, shape (H, W, 3), uint8
    in_colour : bool
        Whether it is a picture in which colours are to be expected: a Doppler one.
    """
    red, green, blue = np.moveaxis(rgb, -1, 0)
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    below = np.cumsum(Image.fromarray(brightest).histogram()) / brightest.size
    low, high = (int(np.searchsorted(below, share)) for share in (FEW, 1 - FEW))
    if high <= BLACK_LEVEL:
        return [Finding(BLACK, "The picture is black, or nearly so.")]
    if high - low < FLAT_LEVELS:
        return [Finding(FLAT, "The picture is of one shade, or nearly so.")]
    saturation = brightest - darkest
    if in_colour and (saturation >= GREY_WITHIN).mean() < COLOUR_SHARE:
        return [Finding(GREY, "There is no colour in it: no flow is visible, or it is no Doppler.")]
    if not in_colour and (saturation >= STRONG).mean() >= STRONG_SHARE:
        return [Finding(COLOURED, "There are strong colours in it: it may be no B-mode picture.")]
    return []


def colours_finding() -> Finding:
    """That nothing tells how the samples are to be read."""
    return Finding(
        COLOURS, "The file does not tell for sure how its colours are stored: choose the right one."
    )


def planes_finding() -> Finding:
    """That the samples seem to lie otherwise than the file says."""
    return Finding(
        PLANES,
        "The file seems to store its colours otherwise than it says (Planar Configuration): the "
        "picture may be three smeared copies of itself. Compare it with the original.",
    )


def burned_in_finding() -> Finding:
    """That the file itself says so."""
    return Finding(BURNED_IN, "According to the file, its pixels show the patient's identity.")


def stretched_finding(height: float, *, must_answer: bool) -> Finding:
    """That the picture was made larger one way, so that its pixels are square. It must be answered
    where programs are known to write the shape wrongly."""
    how, times = ("higher", height) if height > 1 else ("wider", 1 / height)
    return Finding(
        STRETCHED,
        f"Its pixels were not square. It was made {times:.3g} times {how}, as the file says.",
        must_answer=must_answer,
    )


def shape_finding(doubt: str) -> Finding:
    """That the shape of the pixels is doubtful; ``doubt`` says why."""
    return Finding(SHAPE, f"Round things may be oval in it: the file is unsound, {doubt}.")


def frames_finding(*, held: int, declared: int | None) -> Finding:
    """That the file holds more frames than it says."""
    says = f"says that it has {declared}" if declared else "does not say how many it has"
    return Finding(FRAMES, f"The file holds {held} frames, and {says}.", must_answer=False)


def extra_finding(count: int) -> Finding:
    """That there are bytes in the pixels that belong to no frame."""
    return Finding(
        EXTRA, f"The file's pixels are {count} bytes longer than its header says: compare it with "
        "the original."
    )  # fmt: skip


def ambiguous_finding(count: int) -> Finding:
    """That as many bytes can be another number of frames."""
    return Finding(
        EXTRA,
        f"By its length the file may hold {count} frames, or {3 * count // 2} with half of the "
        "colours (YBR_FULL_422): compare it with the original.",
    )
