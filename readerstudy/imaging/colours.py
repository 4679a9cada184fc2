"""Whether three samples a pixel are red, green and blue, or luminance and two colour differences.

A file's label can be wrong: some machines write one and say the other, and then every colour is
false. Most of an ultrasound picture is black or grey, which shows in either as what it is.
"""

import numpy as np
from PIL import Image

RGB, YBR = "RGB", "YBR"
NEUTRAL = 6
"""Levels of 256 by which a grey pixel's samples differ at the most, in a compressed picture."""
LEAST_NEUTRAL = 0.25
"""Of the pixels that are grey when read rightly; with fewer, the picture tells nothing."""
TIMES_AS_NEUTRAL = 4
_LOOKED_AT = 250_000  # pixels, evenly spread, of a larger picture


def rgb_of_ybr(samples: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 luminance, blue and red difference, full range, to RGB (ITU-T T.871)."""
    return np.asarray(Image.fromarray(samples, "YCbCr").convert("RGB"))


def colours_by_content(samples: np.ndarray) -> str:
    """RGB or YBR, by which of them makes grey what is black or grey; "" where that can't be told.

    Parameters
    ----------
    samples : numpy.ndarray, shape (H, W, 3), uint8
        As they are stored.
    """
    step = max(1, int((samples.shape[0] * samples.shape[1] / _LOOKED_AT) ** 0.5))
    first, second, third = np.moveaxis(samples[::step, ::step].astype(np.int16), -1, 0)
    as_rgb = (np.abs(first - second) <= NEUTRAL) & (np.abs(second - third) <= NEUTRAL)
    as_ybr = (np.abs(second - 128) <= NEUTRAL) & (np.abs(third - 128) <= NEUTRAL)
    shares = {RGB: float(as_rgb.mean()), YBR: float(as_ybr.mean())}
    for one, other in ((RGB, YBR), (YBR, RGB)):
        if shares[one] >= max(LEAST_NEUTRAL, TIMES_AS_NEUTRAL * shares[other]):
            return one
    return ""


def colours_in_doubt(samples: np.ndarray, *, taken_as: str, is_proven: bool = True) -> bool:
    """Whether a person must say which they are: the content contradicts what they are taken as, or
    nothing proves it and the content doesn't either."""
    content = colours_by_content(samples)
    return content != taken_as if content else not is_proven
