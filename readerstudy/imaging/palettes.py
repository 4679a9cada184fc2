"""The colour palettes of DICOM files: plain, segmented, and of 8 or 16 bits."""

import numpy as np
from pydicom.dataset import Dataset

from readerstudy.imaging.lookup_tables import LookupTable
from readerstudy.imaging.problems import UnreadableImage

MOST_ENTRIES = 2**16
_DISCRETE, _LINEAR, _INDIRECT = range(3)
_COLOURS = ("Red", "Green", "Blue")


def palette_rgb(stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Colours of stored values (H, W) by the dataset's palette: (H, W, 3) uint8.

    Raises
    ------
    UnreadableImage
        If the palette is missing, malformed or too short.
    """
    tables = [_table(colour, dataset) for colour in _COLOURS]
    # Not by the descriptor: some machines write 8-bit colours and call them 16-bit.
    if max(table.values.max() for table in tables) > 255:
        tables = [LookupTable(table.values >> 8, table.first, 8) for table in tables]
    return np.stack([table.look_up(stored) for table in tables], axis=2).astype(np.uint8)


def _table(colour: str, dataset: Dataset) -> LookupTable:
    of_all = dataset.get("RedPaletteColorLookupTableDescriptor")
    descriptor = dataset.get(f"{colour}PaletteColorLookupTableDescriptor", of_all)
    plain, segmented = (f"{kind}{colour}PaletteColorLookupTableData" for kind in ("", "Segmented"))
    if descriptor is None or not (plain in dataset or segmented in dataset):
        raise UnreadableImage("this DICOM file has no complete colour palette; export it as RGB")
    if plain in dataset:
        return LookupTable.read(descriptor, dataset[plain].value, dataset)
    return LookupTable.read(descriptor, _expanded(dataset, segmented, descriptor), dataset)


def _expanded(dataset: Dataset, keyword: str, descriptor) -> list[int]:
    """The entries of a segmented table (PS3.3 C.7.9.2), never more than a table can have."""
    data = dataset[keyword].value
    is_wide = int(descriptor[2]) > 8
    if isinstance(data, bytes):
        little = dataset.file_meta.TransferSyntaxUID.is_little_endian
        data = np.frombuffer(data, dtype=("<u2" if little else ">u2") if is_wide else np.uint8)
    expansion = _Expansion(np.asarray(data, dtype=np.uint16).tolist(), is_wide=is_wide)
    try:
        return expansion.entries()
    except IndexError:
        raise _malformed() from None


class _Expansion:
    """Segments being written out."""

    def __init__(self, words: list[int], *, is_wide: bool):
        self._words, self._parts = words, 2 if is_wide else 4
        self._bits = 16 if is_wide else 8
        self._entries: list[int] = []
        self._segments = 0

    def entries(self) -> list[int]:
        """All of them. Raises UnreadableImage, or IndexError where a segment is cut short."""
        position = 0
        while position < len(self._words) - 1:  # a trailing null is no segment
            position = self._take(position)
        return self._entries

    def _take(self, position: int) -> int:
        """Write out the segment that begins here; where the next one does."""
        kind, length = self._words[position], self._words[position + 1]
        position += 2
        self._segments += 1
        if not length or self._segments > MOST_ENTRIES:
            raise _malformed()  # each has an entry, at the least
        if kind == _DISCRETE:
            self._add(self._words[position : position + length], length)
            return position + length
        if not self._entries:
            raise _malformed()  # the other kinds go on from an entry
        if kind == _LINEAR:
            steps = np.linspace(self._entries[-1], self._words[position], length + 1)[1:]
            self._add(np.rint(steps).astype(int).tolist(), length)
            return position + 1
        if kind != _INDIRECT:
            raise _malformed()
        self._repeat(position, length)
        return position + self._parts

    def _repeat(self, position: int, count: int) -> None:
        """Write out earlier segments once more."""
        offset = self._words[position : position + self._parts]
        at = sum(part << (self._bits * place) for place, part in enumerate(offset))
        for _ in range(count):
            if at >= position or self._words[at] == _INDIRECT:
                raise _malformed()  # it would never end
            at = self._take(at)

    def _add(self, entries: list[int], length: int) -> None:
        if len(entries) != length or len(self._entries) + length > MOST_ENTRIES:
            raise _malformed()
        self._entries += entries


def _malformed() -> UnreadableImage:
    return UnreadableImage("this DICOM file's segmented palette is malformed; export it as RGB")
