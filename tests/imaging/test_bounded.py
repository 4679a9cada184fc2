"""A hostile image is refused by name, and after work that its size bounds: seconds, not minutes."""

import io
import struct
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from readerstudy.imaging import UnreadableImage
from readerstudy.imaging.piece_limit import MOST
from readerstudy.imaging.pixels import decode_rgb
from tests.imaging.example_files import dicom_bytes, encoded, picture

MIB = 2**20
SECONDS = 10.0  # of this process's own time; each of these took minutes
RGB = {"Rows": 40, "Columns": 48, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
RGB |= {"PlanarConfiguration": 0}
GREY = {"Rows": 40, "Columns": 48, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}


def _run_length(segment: bytes, *, count: int = 3) -> bytes:
    starts = [64 + number * len(segment) for number in range(count)]
    header = struct.pack("<16I", count, *starts, *[0] * (15 - count))
    return dicom_bytes(encapsulate([header + segment * count]), syntax=RLELossless, **RGB)


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    sealed = kind + content
    return struct.pack(">I", len(content)) + sealed + struct.pack(">I", zlib.crc32(sealed))


def _png_of_empty_chunks() -> bytes:
    plain = encoded(picture())
    return plain[:33] + _chunk(b"IDAT") * 2_000_000 + plain[33:]


def _jpeg_with(more: bytes) -> bytes:
    return b"\xff\xd8" + more + encoded(picture(), "JPEG")[2:]


def _jpeg_of_scans() -> bytes:
    plain = encoded(picture(), "JPEG", progressive=True)
    end = plain.rindex(b"\xff\xd9")
    last = plain[plain.rindex(b"\xff\xda") : end]
    return plain[:end] + last * 5000 + plain[end:]


def _before_pixels(more: bytes) -> bytes:
    """Elements, put in before the pixels of a plain file."""
    plain = dicom_bytes(picture().tobytes(), **RGB)
    at = plain.rindex(b"\xe0\x7f\x10\x00")
    return plain[:at] + more + plain[at:]


def _element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", group, number, kind, len(value)) + value


def _tables(items: int, *, told: bool) -> bytes:
    """A sequence of look-up tables, each empty; its length is told, or it has an end."""
    content = struct.pack("<II", 0xE000FFFE, 0) * items
    ended = content if told else content + struct.pack("<II", 0xE0DDFFFE, 0)
    length = len(content) if told else 0xFFFFFFFF
    return struct.pack("<HH2sHI", 0x0028, 0x3010, b"SQ", 0, length) + ended


def _fragments(count: int) -> bytes:
    item = struct.pack("<II", 0xE000FFFE, 0)
    return dicom_bytes(item * count, syntax=JPEGBaseline8Bit, **RGB)


def _tiles() -> bytes:
    code = bytearray(encoded(picture(), "JPEG2000", no_jp2=True))
    struct.pack_into(">II", code, 24, 1, 1)  # the size of a tile, in its size segment
    large = RGB | {"Rows": 4096, "Columns": 4096}
    struct.pack_into(">II", code, 8, 4096, 4096)
    return dicom_bytes(encapsulate([bytes(code)]), syntax=JPEG2000Lossless, **large)


def _precincts() -> bytes:
    """Of a large picture of nothing: as small as the format has them, in its coding style."""
    grey = np.zeros((1024, 1024), np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG2000", no_jp2=True, precinct_size=(64, 64))
    code = bytearray(file.getvalue())
    at = code.index(b"\xff\x52")
    levels = code[at + 9]
    code[at + 14 : at + 15 + levels] = b"\x11" * (levels + 1)
    large = GREY | {"Rows": 1024, "Columns": 1024}
    return dicom_bytes(encapsulate([bytes(code)]), syntax=JPEG2000Lossless, **large)


def _groups(items: int) -> bytes:
    content = struct.pack("<II", 0xE000FFFE, 0) * items
    return struct.pack("<HH2sHI", 0x5200, 0x9230, b"SQ", 0, len(content)) + content


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "run-length of nothing": (lambda: _run_length(b"\x80" * (20 * MIB)), "run-length"),
    "run-length that unpacks to much": (lambda: _run_length(b"\x81\0" * (2 * MIB)), "run-length"),
    "run-length of single bytes": (lambda: _run_length(b"\0\1" * (2 * MIB)), "run-length"),
    "run-length that is too short": (lambda: _run_length(b"\x81\0"), "damaged"),
    "run-length of one segment": (lambda: _run_length(b"\x81\0" * 20, count=1), "damaged"),
    "empty fragments": (lambda: _fragments(8_000_000), "of parts"),
    "many empty elements": (
        lambda: _before_pixels(_element(0x0029, 0x1010, b"LO", b"") * 1_000_000), "of parts"),
    "many tables": (lambda: _before_pixels(_tables(1_000_000, told=False)), "of parts"),
    "many tables, of told length": (
        lambda: _before_pixels(_tables(1_000_000, told=True)), "implausibly long"),
    "a JPEG of thousands of scans": (_jpeg_of_scans, "scans"),
    "a DICOM JPEG of thousands of scans": (
        lambda: dicom_bytes(encapsulate([_jpeg_of_scans()]), syntax=JPEGBaseline8Bit, **RGB),
        "scans"),
    "a JPEG of fill bytes": (lambda: _jpeg_with(b"\xff" * (20 * MIB)), "of parts"),
    "a JPEG of empty segments": (lambda: _jpeg_with(b"\xff\xe5\0\2" * (4 * MIB)), "of parts"),
    "a PNG of empty chunks": (_png_of_empty_chunks, "of parts"),
    "a JPEG 2000 image of single pixels": (_tiles, "tiles"),
    "a JPEG 2000 image of a part for each pixel": (_precincts, "parts"),
    "groups of a million frames": (
        lambda: _before_pixels(_groups(1_000_000)), "implausibly long"),
    "groups of many frames": (lambda: _before_pixels(_groups(100_000)), "of parts"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_image_is_refused_by_name_in_bounded_time(name):
    make, cause = HOSTILE[name]
    data = make()
    began = time.process_time()
    with pytest.raises(UnreadableImage, match=cause):
        decode_rgb(data)
    assert time.process_time() - began < SECONDS


def test_run_lengths_are_read_whatever_their_runs():
    """Literal, repeated and empty runs, over the ends of rows; 16 bits in two segments."""
    pixels = np.arange(40 * 48, dtype=np.uint16).reshape(40, 48)
    high, low = (pixels >> 8).astype(np.uint8).tobytes(), (pixels & 255).astype(np.uint8).tobytes()
    segments = [_packed(high), _packed(low)]
    header = struct.pack("<16I", 2, 64, 64 + len(segments[0]), *[0] * 13)
    grey = GREY | {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 0}
    packed = dicom_bytes(encapsulate([header + b"".join(segments)]), syntax=RLELossless, **grey)
    assert (decode_rgb(packed) == decode_rgb(dicom_bytes(pixels.tobytes(), **grey))).all()


def _packed(content: bytes) -> bytes:
    """Runs of every kind, with one that does nothing between them; padded to an even length."""
    runs, position = [], 0
    while position < len(content):
        part = content[position : position + 100]
        same = len(set(part)) == 1
        runs.append(bytes([257 - len(part), part[0]]) if same else bytes([len(part) - 1]) + part)
        runs.append(b"\x80")
        position += len(part)
    packed = b"".join(runs)
    return packed + b"\0" * (len(packed) % 2)


def test_a_large_picture_in_small_chunks_is_read():
    """The bound is on what is hostile: 8 KiB a chunk is what some programs write."""
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    plain = file.getvalue()
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in noise), 0)
    chunks = [_chunk(b"IDAT", content[at : at + 8192]) for at in range(0, len(content), 8192)]
    small = plain[:33] + b"".join(chunks) + _chunk(b"IEND")
    assert len(chunks) * 8 < MOST
    assert (decode_rgb(small) == noise).all()


def test_a_progressive_jpeg_is_read():
    pixels = picture()
    assert decode_rgb(encoded(pixels, "JPEG", progressive=True)).shape == pixels.shape
