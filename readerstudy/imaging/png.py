"""PNG files: what of one is picture."""

import struct
import zlib
from collections.abc import Iterator

from readerstudy.imaging.piece_limit import MOST, too_many_pieces
from readerstudy.imaging.problems import UnreadableImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OF_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_ANIMATION = b"acTL"
_UNPACKED_AT_ONCE = 2**20
# Of each pass: first column, first row, and the steps across and down.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip
_DENSITY, _EXIF = b"pHYs", b"eXIf"


class PngParts:
    """A PNG file taken apart: its picture alone, and two facts that stand beside it.

    A damaged text, profile or other companion is left behind with all the others.

    Raises
    ------
    UnreadableImage
        If the file is incomplete, or holds several pictures.
    """

    def __init__(self, data: bytes):
        self.pixel_height = 1.0
        """Of a pixel, its width being 1."""
        self.exif = b""
        kept = [SIGNATURE]
        for kind, chunk in _chunks(data):
            if kind in _OF_PICTURE:
                kept.append(chunk)
            elif not _is_sound(chunk):
                continue
            elif kind == _ANIMATION:
                raise UnreadableImage("this file holds several images; export a single still image")
            elif kind == _DENSITY and len(chunk) == 12 + 9:
                across, down = (int.from_bytes(chunk[at : at + 4]) for at in (8, 12))
                self.pixel_height = across / down if across and down else 1.0
            elif kind == _EXIF:
                self.exif = b"Exif\0\0" + chunk[8:-4]
        self.picture = b"".join(kept)
        self._chunks = kept[1:]

    def require_all_rows(self) -> None:
        """Refuse a picture whose compressed data end before its last row, which decoders leave
        black, or go on behind it. Its size has been checked: nothing is kept of what is unpacked,
        and hardly more is unpacked than the size asks for.
        """
        header = next((chunk for chunk in self._chunks if chunk[4:8] == b"IHDR"), b"")
        if len(header) != 12 + 13:
            return  # the decoder will say so
        size = struct.unpack_from(">IIBBBBB", header, 8)
        left, row = _bytes_of_rows(*size), _bytes_of_rows(size[0], 1, *size[2:-1], 0)
        unpacker = zlib.decompressobj()
        for chunk in self._chunks:
            packed = chunk[8:-4] if chunk[4:8] == b"IDAT" else b""
            while packed and left > -row:
                left -= len(unpacker.decompress(packed, _UNPACKED_AT_ONCE))
                packed = unpacker.unconsumed_tail
        if left > 0 and unpacker.eof:
            raise UnreadableImage("this PNG has fewer rows than it says; copy or export it again")
        if left <= -row:
            raise UnreadableImage("this PNG has more rows than it says; copy or export it again")


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _bytes_of_rows(width: int, height: int, depth: int, kind: int, *rest: int) -> int:
    """Unpacked bytes of a PNG of this size, each row with its filter."""
    is_interlaced = rest[-1] == 1
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(kind, 1)
    passes = _ADAM7 if is_interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, the whole chunk) up to the end of the PNG, which may not be missing."""
    position = len(SIGNATURE)
    for _chunk in range(MOST):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        if end > len(data):
            raise UnreadableImage("this PNG is incomplete; copy or export it again")
        yield kind, data[position:end]
        if kind == b"IEND":
            return
        position = end
    raise too_many_pieces()
