"""Which pictures show the same, though their files differ: encoded anew, made larger or smaller.

Each picture is kept as a thumbnail of 256 brightnesses; two are alike where those rise and fall
together. Pictures of one place by one machine are less alike than a picture and its worst JPEG.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

SIDE = 16
"""Pixels of a thumbnail, across and down."""
LEAST_CORRELATION = 0.99
"""Of the thumbnails of a picture and its copy; docs/admin.md has the measured rates."""
_LEAST_DEVIATION = 1.0  # levels: of a picture of one shade there is nothing to compare
_ROWS = 250


def thumbnail(rgb: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as SIDE by SIDE brightnesses, row by row."""
    small = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return small.tobytes()


def alike(some: Sequence[bytes], others: Sequence[bytes]) -> Iterator[tuple[int, np.ndarray]]:
    """Each place of a thumbnail, in order, with the places of those among the others, ascending,
    whose pictures show the same. Where there are none the place is left out."""
    if not some or not others:
        return
    second = _normalised(others)
    for start in range(0, len(some), _ROWS):
        found = _normalised(some[start : start + _ROWS]) @ second.T >= LEAST_CORRELATION
        for row in np.flatnonzero(found.any(axis=1)).tolist():
            yield start + row, np.flatnonzero(found[row])


def _normalised(thumbnails: Sequence[bytes]) -> np.ndarray:
    """Float32, a row each of mean 0 and length 1; all 0 where there is nothing to compare."""
    pixels = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(len(thumbnails), -1)
    centred = pixels - pixels.mean(axis=1, keepdims=True, dtype=np.float32)
    flat = centred.std(axis=1) < _LEAST_DEVIATION
    lengths = np.linalg.norm(centred, axis=1)
    lengths[flat] = np.inf
    return (centred / lengths[:, np.newaxis]).astype(np.float32)
