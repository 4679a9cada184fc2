"""PNG files: what of one is picture."""

from collections.abc import Iterator

from readerstudy.imaging.piece_limit import MOST, too_many_pieces
from readerstudy.imaging.problems import UnreadableImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OF_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_ANIMATION = b"acTL"
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
            elif kind == _ANIMATION:
                raise UnreadableImage("this file holds several images; export a single still image")
            elif kind == _DENSITY and len(chunk) == 12 + 9:
                across, down = (int.from_bytes(chunk[at : at + 4]) for at in (8, 12))
                self.pixel_height = across / down if across and down else 1.0
            elif kind == _EXIF:
                self.exif = b"Exif\0\0" + chunk[8:-4]
        self.picture = b"".join(kept)


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
