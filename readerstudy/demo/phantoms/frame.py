"""What a machine shows beside the picture: depth marks, a grey bar, the colour scale. No text."""

import numpy as np

from readerstudy.demo.phantoms.instruments import Instrument


def furnish(picture: np.ndarray, *, instrument: Instrument, mm: float) -> None:
    """Depth marks, one in 5 mm, and a grey bar in the frame's margins, where they fit."""
    rows, columns = instrument.frame(picture.shape[:2])
    left, right = columns.start, picture.shape[1] - columns.stop
    if instrument.ticks and right >= 8:
        for mark, row in enumerate(np.arange(rows.start, rows.stop, 5 / mm).astype(int)):
            picture[row : row + 2, columns.stop + 2 : columns.stop + (6 if mark % 2 else 8)] = 150
    if instrument.grey_bar and max(left, right) >= 12:
        edge = columns.stop + right - 8 if right >= left else 2
        height = picture.shape[0] // 3
        steps = np.linspace(255, 30, height).astype(np.uint8)
        picture[rows.start : rows.start + height, edge : edge + 5] = steps[:, None, None]


def draw_scale(picture: np.ndarray, *, instrument: Instrument, mask: np.ndarray) -> None:
    """The colour scale, in the upper corner of the instrument's side unless the node is there."""
    rows, columns = instrument.frame(mask.shape)
    rows_high, columns_wide = rows.stop - rows.start, columns.stop - columns.start
    short = min(rows_high, columns_wide)
    edge, length, width = short // 24, round(short * instrument.scale_share), short // 32
    top = rows.start + edge
    sides = {"left": columns.start + edge, "right": columns.stop - edge - width}
    places = [sides.pop(instrument.scale_side), *sides.values()]
    above = mask[: top + length + 2].any(axis=0)
    left = next((at for at in places if not above[at - 2 : at + width + 2].any()), None)
    if left is None:
        return
    picture[top - 1 : top + length + 1, left - 1 : left + width + 1] = 0
    scale = instrument.paint(np.linspace(1, -1, length))
    picture[top : top + length, left : left + width] = scale[:, None]
