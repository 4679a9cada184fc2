"""The pixels of one image, and whether their colours are sure."""

from dataclasses import dataclass

import numpy as np

from readerstudy.imaging.colours import RGB


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """RGB pixels. While their colours are in doubt, they are the samples as stored, and may be
    luminance and colour differences: `colours.rgb_of_ybr` has the other picture then.
    """

    rgb: np.ndarray  # (H, W, 3) uint8
    taken_as: str = RGB
    """How the samples were read: RGB, or YBR where they were converted."""
    in_doubt: bool = False
    planes_in_doubt: bool = False
    """Whether its samples seem to lie otherwise, by pixel or by plane, than its file says."""
    pixel_height: float = 1.0
    """Of a pixel, its width being 1, where a PNG or JPEG tells it."""
