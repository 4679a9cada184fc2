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
LEAST_CORRELATION_OF_OWN = 0.95
"""The same of what each has besides what is common to all pictures of a study."""
LEAST_PICTURES = 20
"""Of a study, to say what is common to them."""
_LEAST_OWN = 0.03
_LEAST_DEVIATION = 1.0  # levels: of a picture of one shade there is nothing to compare
_ROWS = 64


def thumbnail(rgb: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as SIDE by SIDE brightnesses, row by row."""
    small = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return small.tobytes()


def alike(some: Sequence[bytes], others: Sequence[bytes]) -> Iterator[tuple[int, np.ndarray]]:
    """Each place of a thumbnail, in order, with the places of those among the others, ascending,
    whose pictures show the same. Where there are none the place is left out.

    What all the others have in common, as the frame that a machine draws around each, does not
    count, once there are enough of them to tell.
    """
    if not some or not others:
        return
    own, owns = _normalised(some), _normalised(others)
    common = owns.mean(axis=0) if len(others) >= LEAST_PICTURES else np.zeros_like(owns[0])
    own -= common
    owns -= common
    length, lengths = np.linalg.norm(own, axis=1), np.linalg.norm(owns, axis=1)
    shares, others_shares = own @ common, owns @ common + common @ common
    for start in range(0, len(some), _ROWS):
        block = slice(start, start + _ROWS)
        products = own[block] @ owns.T
        # With what is common to all they are as much alike as the thumbnails themselves.
        found = products + shares[block, np.newaxis] + others_shares >= LEAST_CORRELATION
        # Of two that are hardly more than what is common nothing more can be told.
        bounds = np.outer(LEAST_CORRELATION_OF_OWN * length[block], lengths)
        bounds[:, lengths < _LEAST_OWN] = -1
        bounds[length[block] < _LEAST_OWN] = -1
        found &= products >= bounds
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
