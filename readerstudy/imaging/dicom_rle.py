"""Run-length frames of DICOM, unpacked by Pillow: pydicom's own loop takes a minute for what is
nothing but runs of nothing."""

import struct

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from readerstudy.imaging.problems import UnreadableImage

_HEADER = "<16I"  # how many segments, and where each begins
_HEADER_BYTES = struct.calcsize(_HEADER)
_LONGEST = 2
"""Bytes of a segment for each byte that it unpacks to: a run of one takes two."""
_PADDING = 128


def unpack_run_length(encoded: bytes, dataset: Dataset) -> bytes:
    """The stored values of one frame that `dataset` describes: little-endian, plane by plane.

    Raises
    ------
    UnreadableImage
        If the segments are not as many, or not as long, as the header asks for.
    struct.error
        If there is not even a list of segments.
    """
    count, *offsets = struct.unpack_from(_HEADER, encoded)
    planes, width = dataset.SamplesPerPixel, dataset.BitsAllocated // 8
    if count != planes * width:
        raise _damaged()
    pixels = dataset.Rows * dataset.Columns
    ends = [*offsets[1:count], len(encoded)]
    unpacked = np.empty((planes, pixels, width), np.uint8)
    for number, (start, end) in enumerate(zip(offsets[:count], ends, strict=True)):
        plane, byte = divmod(number, width)  # the high byte first
        segment = encoded[start:end] if start >= _HEADER_BYTES else b""
        unpacked[plane, :, width - 1 - byte] = _segment(segment, pixels)
    return unpacked.tobytes()


def _segment(segment: bytes, pixels: int) -> np.ndarray:
    if len(segment) > _LONGEST * pixels + _PADDING:
        raise UnreadableImage(
            "this DICOM file's run-length data are too long for its size; export it again"
        )
    try:
        return np.asarray(Image.frombytes("L", (pixels, 1), segment, "packbits", "L"))[0]
    except ValueError:  # too short, or a run beyond the end
        raise _damaged() from None


def _damaged() -> UnreadableImage:
    return UnreadableImage("this DICOM file's run-length data are damaged; export it again")
