"""Pictures turned as EXIF says."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps

from readerstudy.imaging.picture import Picture

_ORIENTATION = 0x0112  # of EXIF
_SIDEWAYS = range(5, 9)


def upright(picture: Picture, exif: bytes) -> Picture:
    """Turned as EXIF says, if it is sound."""
    orientation = _orientation(exif)
    if orientation == 1:
        return picture
    image = Image.fromarray(picture.rgb)
    image.getexif()[_ORIENTATION] = orientation
    turned = np.array(ImageOps.exif_transpose(image))
    height = 1 / picture.pixel_height if orientation in _SIDEWAYS else picture.pixel_height
    return replace(picture, rgb=turned, pixel_height=height)


def _orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none, or EXIF is damaged."""
    if not exif:
        return 1
    found = Image.Exif()
    try:
        found.load(exif)
        orientation = found.get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 (Pillow raises anything; the pixels are sound without it)
        return 1
    return orientation if orientation in range(1, 9) else 1
