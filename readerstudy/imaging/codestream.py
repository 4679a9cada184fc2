"""What a compressed DICOM frame says of itself, compared with its DICOM header.

The header's size has been checked against the limits; the compressed data could claim another
and have a decoder take memory for that.
"""

import struct

from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

from readerstudy.imaging.piece_limit import check_scans
from readerstudy.imaging.problems import UnreadableImage

_SOI = b"\xff\xd8"
_J2K_START = b"\xff\x4f\xff\x51"  # start of codestream, then its size segment
_APP14 = 0xEE
_SOS = 0xDA
_JPEG_LS_FRAME = 0xF7
_JPEG_FRAMES = {*range(0xC0, 0xD0), _JPEG_LS_FRAME} - {0xC4, 0xC8, 0xCC}
MOST_TILES = 4096
"""Of a JPEG 2000 image."""


def check_codestream(encoded: bytes, dataset: Dataset) -> bool:
    """Refuse a compressed frame whose own size is not that of the DICOM header.

    Returns
    -------
    bool
        Whether the decoder gives RGB of its own accord, whatever the header says of YBR.

    Raises
    ------
    UnreadableImage
        If the sizes differ, or it is in more parts than any real one.
    struct.error, IndexError
        If the frame is malformed.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in JPEG2000TransferSyntaxes:
        size, has_adobe_marker = _jpeg2000_size(encoded), False
    else:
        check_scans(encoded)
        size, has_adobe_marker = _jpeg_size(encoded)
    if size != (dataset.Columns, dataset.Rows):
        width, height = size
        raise UnreadableImage(
            f"this DICOM file says {dataset.Columns} by {dataset.Rows} pixels, but its "
            f"compressed image has {width} by {height}; export it again"
        )
    # Pillow obeys an Adobe marker; pydicom does not know, and would convert a second time.
    return has_adobe_marker and syntax in (JPEGBaseline8Bit, JPEGExtended12Bit)


def _jpeg_size(encoded: bytes) -> tuple[tuple[int, int], bool]:
    """((width, height), whether an Adobe marker stands before the scan) of a JPEG or JPEG-LS."""
    if not encoded.startswith(_SOI):
        raise UnreadableImage(
            "this DICOM file says that its image is JPEG, but it is not; export it again"
        )
    position, size, has_adobe_marker = len(_SOI), None, False
    while True:
        prefix, marker, length = struct.unpack_from(">BBH", encoded, position)
        if prefix != 0xFF:
            raise UnreadableImage("this DICOM file's JPEG image is damaged; export it again")
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", encoded, position + 5)
            if size:
                raise UnreadableImage("this DICOM file's JPEG image is damaged; export it again")
            size = (width, height)
        elif marker == _APP14 and encoded[position + 4 : position + 9] == b"Adobe":
            has_adobe_marker = True
        elif marker == _SOS:
            return size or (0, 0), has_adobe_marker
        position += 2 + length


def _jpeg2000_size(encoded: bytes) -> tuple[int, int]:
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
    return right - left, bottom - top
