"""A case's images as pixels, each checked against its SHA-256."""

import hashlib
import io
from collections.abc import Iterable

import numpy as np
from PIL import Image as PillowImage

from readerstudy.diagnosis import Modality
from readerstudy.studies.models import Image


def read_pixels(images: Iterable[Image]) -> dict[str, np.ndarray]:
    """uint8 RGB arrays (H, W, 3) by modality, of one case's images.

    Raises ValueError when a stored file is not the one that was imported or is no image, or a
    modality is missing, and OSError when a file can't be read.
    """
    pixels = {}
    for image in images:
        with image.file.open("rb") as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != image.sha256:
            raise ValueError(f"the stored {image.modality} image no longer matches its SHA-256")
        pixels[image.modality] = _decode(data, image)
    missing = set(Modality) - set(pixels)
    if missing:
        raise ValueError(f"the case has no {', '.join(sorted(missing)).upper()} image")
    return pixels


def _decode(data: bytes, image: Image) -> np.ndarray:
    try:
        return np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGB"))
    except (OSError, SyntaxError) as error:  # what Pillow says of a file that is none or is cut
        raise ValueError(f"the stored {image.modality} image can't be decoded") from error
