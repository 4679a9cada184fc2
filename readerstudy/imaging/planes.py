"""Whether three samples a pixel lie pixel by pixel or plane by plane, told from the samples.

Some machines write one and say the other: then a picture is three smeared copies of itself.
"""

import numpy as np

CLEARLY = 1.15
"""Times as far apart: rows three apart differ more than neighbours, by at least so much."""
_LOOKED_AT = 100_000


def are_in_doubt(samples: np.ndarray, *, width: int, height: int, by_plane: bool) -> bool:
    """Whether the other way fits better, in two respects: neighbouring rows, and the channels of a
    pixel, which in most of an ultrasound picture are equal.

    Parameters
    ----------
    samples : numpy.ndarray, shape (3 * width * height,)
        As they lie in the file.
    by_plane : bool
        What the file says.
    """
    places = np.linspace(0, samples.size - 1, min(samples.size, _LOOKED_AT), dtype=np.int64)

    def apart(distance: int) -> float:
        first = places[places + distance < samples.size]
        gap = samples[first].astype(np.int64) - samples[first + distance]
        return float(np.abs(gap).mean()) if gap.size else 0.0

    if height < 4:  # rows
        return False
    rows, channels = (apart(width), apart(3 * width)), (apart(width * height), apart(1))
    if not by_plane:
        rows, channels = rows[::-1], channels[::-1]
    return rows[1] * CLEARLY < rows[0] and channels[1] < channels[0]
