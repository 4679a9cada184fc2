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
    RLELossless,
)

from readerstudy.cohorts.ingest.problems import UnreadableImage

_SOI = b"\xff\xd8"
_J2K_START = b"\xff\x4f\xff\x51"  # start of codestream, then its size segment
_APP14 = 0xEE
_SOS = 0xDA
_JPEG_LS_FRAME = 0xF7
_JPEG_FRAMES = {*range(0xC0, 0xD0), _JPEG_LS_FRAME} - {0xC4, 0xC8, 0xCC}
_RLE_HEADER_BYTES = 64
_LONGEST_RUN = 128  # padding may be read as one more run


def check_codestream(encoded: bytes, dataset: Dataset) -> bool:
    """Refuse a compressed frame whose own size is not that of the DICOM header.

    Returns
    -------
    bool
        Whether the decoder gives RGB of its own accord, whatever the header says of YBR.

    Raises
    ------
    UnreadableImage
        If the sizes differ, or a run-length frame has the wrong length.
    struct.error, IndexError
        If the frame is malformed.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == RLELossless:
        _check_rle(encoded, dataset)
        return False
    if syntax in JPEG2000TransferSyntaxes:
        size, has_adobe_marker = _jpeg2000_size(encoded), False
    else:
        size, has_adobe_marker = _jpeg_size(encoded)
    if size != (dataset.Columns, dataset.Rows):
        width, height = size
        raise UnreadableImage(
            f"this DICOM file says {dataset.Columns} by {dataset.Rows} pixels, its compressed "
            f"image {width} by {height}; export it anew"
        )
    # Pillow obeys an Adobe marker; pydicom does not know, and would convert a second time.
    return has_adobe_marker and syntax in (JPEGBaseline8Bit, JPEGExtended12Bit)


def _jpeg_size(encoded: bytes) -> tuple[tuple[int, int], bool]:
    """((width, height), whether an Adobe marker stands before the scan) of a JPEG or JPEG-LS."""
    if not encoded.startswith(_SOI):
        raise UnreadableImage("this DICOM file's image is not the JPEG it is said to be")
    position, size, has_adobe_marker = len(_SOI), None, False
    while True:
        prefix, marker, length = struct.unpack_from(">BBH", encoded, position)
        if prefix != 0xFF:
            raise UnreadableImage("this DICOM file's JPEG image is damaged; export it anew")
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", encoded, position + 5)
            if size:
                raise UnreadableImage("this DICOM file's JPEG image is damaged; export it anew")
            size = (width, height)
        elif marker == _APP14 and encoded[position + 4 : position + 9] == b"Adobe":
            has_adobe_marker = True
        elif marker == _SOS:
            return size or (0, 0), has_adobe_marker
        position += 2 + length


def _jpeg2000_size(encoded: bytes) -> tuple[int, int]:
    if not encoded.startswith(_J2K_START):
        raise UnreadableImage("this DICOM file's image is not the JPEG 2000 it is said to be")
    right, bottom, left, top = struct.unpack_from(">4I", encoded, 8)
    return right - left, bottom - top


def _check_rle(encoded: bytes, dataset: Dataset) -> None:
    """Refuse run-length segments that unpack to less than a byte a pixel, or to much more."""
    count, *offsets = struct.unpack_from("<16I", encoded)
    ends = [*offsets[1:count], len(encoded)]
    pixels = dataset.Rows * dataset.Columns
    for start, end in zip(offsets[:count], ends, strict=True):
        length = _rle_length(encoded[start:end], stop=pixels + _LONGEST_RUN)
        if start < _RLE_HEADER_BYTES or not pixels <= length <= pixels + _LONGEST_RUN:
            raise UnreadableImage("this DICOM file's run-length data are damaged; export it anew")


def _rle_length(segment: bytes, *, stop: int) -> int:
    """Bytes that a segment unpacks to; counting ends once they are more than `stop`."""
    length = position = 0
    while position < len(segment) and length <= stop:
        head = segment[position]
        if head < 128:
            length += min(head + 1, len(segment) - position - 1)
            position += head + 2
        else:
            length += 257 - head if head > 128 else 0
            position += 2 if head > 128 else 1
    return length
