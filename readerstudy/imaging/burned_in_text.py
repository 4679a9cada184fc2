"""Where a picture may have text burned in: a screen for a person's eye, never a clean bill.

Lettering is strokes with sharp edges on either side, many of them side by side. Ultrasound is not
like that: a beam is wide, so that brightness changes slowly from left to right, even in speckle.
So edges are counted along the rows: where rising and falling ones crowd together, there may be
text, bright on dark or dark on bright. Thin vessels in colour, and the harshest speckle, look the
same to it. docs/admin.md has the measured rates.
"""

import numpy as np

from readerstudy.imaging.box import Box

STEP = 50
"""Grey levels by which an edge rises or falls within two pixels, at the least."""
CELL_WIDTH, CELL_HEIGHT = 8, 4
"""Pixels: edges are counted in cells of this size, and then in windows of cells."""
EDGES = 14
"""Pixels on rising, and as many on falling edges, that a window of text has at the least.

A window is two cells down and three across."""
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
    boxes = []
    for cells in _clumps(crowded):
        flat = cells.width * CELL_WIDTH >= cells.height * CELL_HEIGHT
        if cells.width < CELLS_IN_A_LINE or not flat:
            continue
        box = Box(  # a cell more on each side: a window reaches beyond its middle
            (cells.left - 1) * CELL_WIDTH,
            (cells.top - 1) * CELL_HEIGHT,
            (cells.right + 1) * CELL_WIDTH,
            (cells.bottom + 1) * CELL_HEIGHT,
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
    down = counts.copy()  # six cells hold 192 pixels: no sum is too large for its eight bits
    down[1:] += counts[:-1]
    around = down.copy()
    around[:, 1:] += down[:, :-1]
    around[:, :-1] += down[:, 1:]
    return around


def _clumps(cells: np.ndarray) -> list[Box]:
    """Boxes around the clumps of True in (H, W), which hang together by sides or corners.

    SciPy would label them, but the web process, which screens after a crop, is to do without it.
    """
    above: list[tuple[Box, _Clump]] = []
    clumps: list[_Clump] = []
    for row, line in enumerate(cells):
        edges = np.flatnonzero(np.diff(line, prepend=False, append=False)).tolist()
        here = []
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            clump = _Clump(Box(left, row, right, row + 1))
            for run, other in above:
                if run.left <= right and left <= run.right:
                    clump = other.root().take(clump)
            here.append((Box(left, row, right, row + 1), clump))
            clumps.append(clump)
        above = here
    return [clump.box for clump in dict.fromkeys(clumps) if clump.within is None]


class _Clump:
    """Cells that hang together so far; once part of another, it says of which."""

    def __init__(self, box: Box):
        self.box = box
        self.within: _Clump | None = None

    def root(self) -> "_Clump":
        """The clump that this one is part of by now."""
        clump = self
        while clump.within is not None:
            if clump.within.within is not None:
                clump.within = clump.within.within  # a shorter way for the next one
            clump = clump.within
        return clump

    def take(self, other: "_Clump") -> "_Clump":
        """Make another clump part of this one."""
        if other is not self:
            self.box = self.box.around(other.box)
            other.within = self
        return self
