"""Where a picture may have text burned in: a screen for a person's eye, never a clean bill.

Lettering is strokes with sharp edges on either side, many of them side by side. Ultrasound is not
like that: a beam is wide, so that brightness changes slowly from left to right, even in speckle.
So edges are counted along the rows: where rising and falling ones crowd together, there may be
text, bright on dark or dark on bright. Thin vessels in colour, and the harshest speckle, look the
same to it. docs/admin.md has the measured rates.
"""

import numpy as np
from scipy import ndimage

from readerstudy.cohorts.ingest.boxes import Box

STEP = 50
"""Grey levels by which an edge rises or falls within two pixels, at the least."""
CELL_WIDTH, CELL_HEIGHT = 8, 4
"""Pixels: edges are counted in cells of this size, and then in windows of cells."""
WINDOW = (2, 3)
"""Cells down and across."""
EDGES = 14
"""Pixels on rising, and as many on falling edges, that a window of text has at the least."""
CELLS_IN_A_LINE = 3
MOST_BOXES = 100


def suspected_text(rgb: np.ndarray) -> list[Box]:
    """Boxes around what may be lines of text, top to bottom; the largest, where there are many.

    Parameters
    ----------
    rgb : numpy.ndarray, shape (H, W, 3), uint8
    """
    height, width = rgb.shape[:2]
    brightest = np.maximum(np.maximum(rgb[..., 0], rgb[..., 1]), rgb[..., 2])
    behind, ahead = brightest[:, :-2], brightest[:, 2:]
    crowded = np.minimum(_crowd(ahead, over=behind), _crowd(behind, over=ahead)) >= EDGES
    marks, _ = ndimage.label(crowded, structure=np.ones((3, 3)))
    boxes = []
    for rows, columns in ndimage.find_objects(marks):
        wide, high = columns.stop - columns.start, rows.stop - rows.start
        if wide < CELLS_IN_A_LINE or wide * CELL_WIDTH < high * CELL_HEIGHT:
            continue
        box = Box(  # a cell more on each side: a window reaches beyond its middle
            (columns.start - 1) * CELL_WIDTH,
            (rows.start - 1) * CELL_HEIGHT,
            (columns.stop + 1) * CELL_WIDTH,
            (rows.stop + 1) * CELL_HEIGHT,
        )
        boxes.append(box.clamped(width, height))
    largest = sorted(boxes, key=lambda box: -box.area)[:MOST_BOXES]
    return sorted(largest, key=lambda box: (box.top, box.left))


def _crowd(bright: np.ndarray, *, over: np.ndarray) -> np.ndarray:
    """By cell, how many pixels around it in `bright` are a step above those in `over`, (H, W)."""
    steps = bright >= np.minimum(over, 255 - STEP) + np.uint8(STEP)
    steps &= over <= 255 - STEP
    counts = np.add.reduceat(steps.view(np.uint8), range(0, steps.shape[0], CELL_HEIGHT), axis=0)
    counts = np.add.reduceat(counts, range(0, steps.shape[1], CELL_WIDTH), axis=1)
    around = ndimage.uniform_filter(counts.astype(np.float32), WINDOW, mode="constant")
    return np.rint(around * (WINDOW[0] * WINDOW[1]))
