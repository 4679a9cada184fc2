"""A file in memory that is read in no more pieces than a real one has.

Decoders walk a file's pieces (elements, items, chunks, segments) one by one, in Python; a hostile
file can have one for every few of its bytes, and keep them walking for minutes.
"""

import io

from readerstudy.imaging.problems import UnreadableImage

MOST = 200_000
"""Far more than the largest file within the limits has, read by 8 KiB at a time."""
MOST_SCANS = 32
"""Of a JPEG: a progressive one has about ten, and each goes over the whole picture."""
_SCAN = b"\xff\xda"
_TOO_MANY = "this file has an implausible number of parts (over {most:,}); export it again"


def too_many_pieces(most: int = MOST) -> UnreadableImage:
    """The refusal of a file that is in more pieces than that."""
    return UnreadableImage(_TOO_MANY.format(most=most))


def check_scans(encoded: bytes) -> None:
    """Refuse a JPEG of many scans, which takes a decoder many times as long as its size tells.

    Within a scan no byte FF is followed by a marker's; one in a thumbnail or comment counts too.
    """
    if encoded.count(_SCAN) > MOST_SCANS:
        raise UnreadableImage(f"this JPEG image has more than {MOST_SCANS} scans; export it again")


class FewPieces(io.BytesIO):
    """Bytes that refuse to be read more often than ``MOST`` times."""

    def __init__(self, data: bytes):
        super().__init__(data)
        self._left = MOST

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise too_many_pieces()
        return super().read(size)
