"""Segmented palettes: the colours that pydicom makes of them, and no endless tables."""

import io
import struct

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut

from readerstudy.imaging import UnreadableImage
from readerstudy.imaging.pixels import decode_rgb
from tests.imaging.example_files import dicom_bytes

PALETTE = {
    "Rows": 40, "Columns": 48, "SamplesPerPixel": 1, "PhotometricInterpretation": "PALETTE COLOR",
    "BitsAllocated": 16, "BitsStored": 16,
}  # fmt: skip
INDICES = np.arange(40 * 48, dtype="<u2").reshape(40, 48) % 255
DISCRETE, LINEAR, INDIRECT = 0, 1, 2
WIDE = [DISCRETE, 3, 0, 60000, 1000, LINEAR, 100, 65535, DISCRETE, 2, 5, 9, LINEAR, 150, 300]
NARROW = [DISCRETE, 3, 0, 250, 10, LINEAR, 100, 255, DISCRETE, 2, 5, 9, LINEAR, 150, 3]


def segmented(words: list[int], *, bits: int) -> bytes:
    """A file whose three colours are these segments."""
    data = struct.pack(f"<{len(words)}{'H' if bits == 16 else 'B'}", *words)
    elements = dict(PALETTE)
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [255, 0, bits]
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = data + b"\0" * (len(data) % 2)
    return dicom_bytes(INDICES.tobytes(), **elements)


@pytest.mark.parametrize(
    ("words", "bits"),
    [
        (WIDE, 16),
        (NARROW, 8),
        # Once more the second segment: an offset in 16-bit words, or in bytes.
        ([*WIDE[:8], INDIRECT, 1, 5, 0, *WIDE[8:12], LINEAR, 52, 300], 16),
        ([*NARROW[:8], INDIRECT, 1, 5, 0, 0, 0, *NARROW[8:12], LINEAR, 52, 3], 8),
    ],
    ids=["16 bits", "8 bits", "16 bits, repeated", "8 bits, repeated"],
)
def test_they_are_expanded_as_pydicom_does(words, bits):
    data = segmented(words, bits=bits)
    reference = apply_color_lut(INDICES, pydicom.dcmread(io.BytesIO(data)))
    expected = reference >> 8 if reference.max() > 255 else reference
    assert np.abs(decode_rgb(data).astype(int) - expected).max() <= 1  # a half is rounded


@pytest.mark.parametrize(
    "words",
    [
        [DISCRETE, 1, 7, *[LINEAR, 65535, 9] * 3],
        [DISCRETE, 1, 7, LINEAR, 60000, 9, *[INDIRECT, 65535, 3, 0] * 20],
        [DISCRETE, 1, 7, INDIRECT, 9, 3, 0],
        [LINEAR, 9, 9],
        [DISCRETE, 99, 1],
        [7, 1, 1],
        [DISCRETE, 1, 7],
        [DISCRETE, 1, 7, *[LINEAR, 0, 9] * 9000, *[INDIRECT, 65535, 3, 0] * 9000],
        [DISCRETE, 1, 7, *[DISCRETE, 0] * 9000],
    ],
    ids=[
        "too many",
        "repeated too often",
        "itself",
        "from nothing",
        "cut short",
        "unknown",
        "few",
        "nothing again and again",
        "nothing",
    ],
)
def test_a_table_that_is_none_is_refused_by_name(words):
    with pytest.raises(UnreadableImage, match=r"palette is malformed|table is incomplete"):
        decode_rgb(segmented(words, bits=16))
