"""What a compressed DICOM frame says of itself, compared with its DICOM header.

The header's size has been checked against the limits; the compressed data could claim another
and have a decoder take memory for that.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000TransferSyntaxes

from readerstudy.imaging import jpeg
from readerstudy.imaging.colours import RGB
from readerstudy.imaging.piece_limit import check_scans
from readerstudy.imaging.problems import UnreadableImage

_J2K_START = b"\xff\x4f\xff\x51"  # start of codestream, then its size segment
_JP2_START = b"\0\0\0\x0cjP  "
_SECOND_IMAGE = re.compile(rb"\xff\xd9\0*\xff\xd8\xff")
_J2K_CODING_STYLE, _J2K_TILE_PART = 0xFF52, 0xFF90
_ZEROS = bytes(512)  # such a run never comes of a picture
_DAMAGED = "this JPEG 2000 image is damaged; export it again"
MOST_TILES = 4096
"""Of a JPEG 2000 image."""


@dataclass(frozen=True, kw_only=True)
class Codestream:
    """What a compressed frame says of its colours."""

    proven_colours: str = ""
    """What its samples are once decoded: RGB or YBR; "" where nothing in it says so."""
    bits: int
    """Of a sample."""
    jpeg_header: jpeg.JpegHeader | None = None


def read_codestream(encoded: bytes, dataset: Dataset) -> Codestream:
    """Look over a compressed frame before it is decoded.

    Raises
    ------
    UnreadableImage
        If its size or channels are not those of the DICOM header, or it is in more parts than any
        real one.
    struct.error, IndexError
        If the frame is malformed.
    """
    header = None
    if dataset.file_meta.TransferSyntaxUID in JPEG2000TransferSyntaxes:
        size, channels, bits, colours = _jpeg2000(encoded)
    else:
        if not encoded.startswith(jpeg.SOI):
            raise UnreadableImage(
                "this DICOM file says that its image is JPEG, but it is not; export it again"
            )
        check_scans(encoded)
        header = jpeg.read_header(encoded)
        size, channels = (header.width, header.height), len(header.components)
        bits, colours = header.bits, header.proven_colours
        if _SECOND_IMAGE.search(encoded):
            raise UnreadableImage(
                "this DICOM file has several JPEG images in the place of one; export it again"
            )
    if size != (dataset.Columns, dataset.Rows):
        width, height = size
        raise UnreadableImage(
            f"this DICOM file says {dataset.Columns} by {dataset.Rows} pixels, but its "
            f"compressed image has {width} by {height}; export it again"
        )
    if channels != dataset.SamplesPerPixel:
        raise UnreadableImage(
            f"this DICOM file says {dataset.SamplesPerPixel} samples per pixel, but its "
            f"compressed image has {channels}; export it again"
        )
    return Codestream(proven_colours=colours, bits=bits, jpeg_header=header)


def _jpeg2000(encoded: bytes) -> tuple[tuple[int, int], int, int, str]:
    """((width, height), channels, bits, colours once decoded) of a JPEG 2000 image."""
    if encoded.startswith(_JP2_START):
        raise UnreadableImage(
            "this DICOM file's JPEG 2000 image is wrapped in a file of its own (JP2), which is "
            "not supported; export it again"
        )
    if not encoded.startswith(_J2K_START):
        raise UnreadableImage(
            "this DICOM file says that its image is JPEG 2000, but it is not; export it again"
        )
    right, bottom, left, top, across, down, first, upper = struct.unpack_from(">8I", encoded, 8)
    if (
        not across
        or not down
        or -(-(right - first) // across) * -(-(bottom - upper) // down) > (MOST_TILES)
    ):
        raise UnreadableImage(
            f"this JPEG 2000 image has more than {MOST_TILES} tiles; export it again"
        )
    (channels,) = struct.unpack_from(">H", encoded, 40)
    components = {encoded[42 + 3 * at : 45 + 3 * at] for at in range(channels)}
    if len(components) != 1 or not components.copy().pop().endswith(b"\1\1"):
        raise UnreadableImage(
            "this DICOM file's JPEG 2000 image has channels of different sizes or bits, which is "
            "not supported; export it uncompressed"
        )
    if _ZEROS in encoded[_end_of_header(encoded) :]:
        raise UnreadableImage(
            "this JPEG 2000 image is damaged: part of it is empty; export it again"
        )
    precision = encoded[42]
    is_undone = channels == 3 and _has_transform(encoded)
    bits = (precision & 0x7F) + 1  # the highest bit says whether they are signed
    return (right - left, bottom - top), channels, bits, RGB if is_undone else ""


def _has_transform(encoded: bytes) -> bool:
    """Whether the decoder turns three transformed components back into red, green and blue."""
    for marker, position in _segments(encoded):
        if marker == _J2K_CODING_STYLE:
            return bool(encoded[position + 8])
    raise UnreadableImage(_DAMAGED)


def _end_of_header(encoded: bytes) -> int:
    return next(at for marker, at in _segments(encoded) if marker == _J2K_TILE_PART)


def _segments(encoded: bytes) -> Iterator[tuple[int, int]]:
    """(marker, place) of the main header's segments, the first part of a tile being the last."""
    position = len(_J2K_START) - 2
    while True:
        marker, length = struct.unpack_from(">HH", encoded, position)
        if marker & 0xFF00 != 0xFF00 or length < 2:
            raise UnreadableImage(_DAMAGED)
        yield marker, position
        if marker == _J2K_TILE_PART:
            return
        position += 2 + length
