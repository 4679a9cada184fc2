"""A sheet of thumbnails: the first cases of an import, as their images will be stored."""

import io

import numpy as np
from PIL import Image, ImageDraw

CASES = 24
SIDE = 120  # pixels of a thumbnail's longer side, at most
_GAP, _CAPTION, _ACROSS = 8, 16, 4
_GROUND, _INK = (32, 32, 32), (230, 230, 230)


class Sheet:
    """Two thumbnails and the id of each case, row by row."""

    def __init__(self):
        self._cells: list[Image.Image] = []

    def add(self, case_id: str, bus: np.ndarray, cdfi: np.ndarray) -> None:
        """Add a case by the pixels of its images, each (H, W, 3) uint8; past CASES, none."""
        if len(self._cells) >= CASES:
            return
        cell = Image.new("RGB", (2 * SIDE + _GAP, SIDE + _CAPTION), _GROUND)
        for at, pixels in ((0, bus), (SIDE + _GAP, cdfi)):
            small = Image.fromarray(pixels)
            small.thumbnail((SIDE, SIDE), reducing_gap=2.0)
            cell.paste(small, (at, _CAPTION))
        ImageDraw.Draw(cell).text((0, 2), case_id[:40], fill=_INK)
        self._cells.append(cell)

    def png(self) -> bytes:
        """The sheet; nothing without a case."""
        if not self._cells:
            return b""
        width, height = self._cells[0].size
        down = -(-len(self._cells) // _ACROSS)
        size = (_ACROSS * (width + 2 * _GAP), down * (height + 2 * _GAP))
        sheet = Image.new("RGB", size, _GROUND)
        for number, cell in enumerate(self._cells):
            row, column = divmod(number, _ACROSS)
            at = (column * (width + 2 * _GAP) + _GAP, row * (height + 2 * _GAP) + _GAP)
            sheet.paste(cell, at)
        file = io.BytesIO()
        sheet.save(file, "PNG")
        return file.getvalue()
