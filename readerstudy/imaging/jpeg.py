"""JPEG images: what their markers say, and their pixels by a decoder that takes no warning lightly.

A decoder that meets damage in the middle goes on with grey and says so at most in a warning; here
every warning is a refusal.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg

from readerstudy.imaging.colours import RGB, YBR
from readerstudy.imaging.piece_limit import MOST, too_many_pieces
from readerstudy.imaging.problems import UnreadableImage

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_APP0, _APP1, _APP2, _APP14, _SOS = 0xE0, 0xE1, 0xE2, 0xEE, 0xDA
_JPEG_LS_FRAME = 0xF7
_FRAMES = {*range(0xC0, 0xD0), _JPEG_LS_FRAME} - {0xC4, 0xC8, 0xCC}
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_COMPANIONS = {*range(0xE0, 0xF0), 0xFE}  # applications' own, and comments
_START_OF_SCAN = b"\xff\xda"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_LUMINANCE = ("1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2")
_COMMON_SAMPLING = [["1x1"], *([first, "1x1", "1x1"] for first in _LUMINANCE)]
_COEFFICIENTS = 64
_PROGRESSIVE = 0xC2
# Decoders read damaged arithmetic coding without a word, and none reads hierarchies.
_UNREAD = dict.fromkeys((0xC9, 0xCA, 0xCB), "arithmetic-coded") | dict.fromkeys(
    (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical"
)
_RGB_LETTERS = tuple(b"RGB")
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"  # and then the transform
_DAMAGED = "this JPEG image is damaged or incomplete; export it again"


@dataclass(frozen=True, kw_only=True)
class JpegHeader:
    """What stands before a JPEG's first scan."""

    width: int
    height: int
    bits: int
    components: tuple[tuple[int, int], ...]
    """(id, both sampling factors in one byte) of each."""
    is_progressive: bool = False
    has_jfif: bool = False
    adobe_transform: int | None = None
    pixel_height: float = 1.0
    """Of a pixel, its width being 1."""
    has_more_images: bool = False
    exif: bytes = b""

    @property
    def is_subsampled(self) -> bool:
        """Whether a component has fewer samples than another: hardly ever so in RGB."""
        return len({sampling for _id, sampling in self.components}) > 1

    @property
    def says_rgb(self) -> bool:
        """Whether its markers, or else its components' names, say red, green and blue alone."""
        if self.has_jfif or self.adobe_transform:
            return False
        return self.adobe_transform == 0 or self._names == _RGB_LETTERS

    @property
    def _names(self) -> tuple[int, ...]:
        return tuple(number for number, _sampling in self.components)

    @property
    def proven_colours(self) -> str:
        """RGB or YBR, where markers prove it and don't contradict each other; else ""."""
        if len(self.components) != 3:
            return ""
        if self.is_subsampled:
            return "" if self.says_rgb else YBR
        said = {YBR} if self.has_jfif else set()
        if self.adobe_transform is not None:
            said.add(YBR if self.adobe_transform else RGB)
        if not said and self._names == _RGB_LETTERS:
            said = {RGB}
        return said.pop() if len(said) == 1 else ""


def read_header(encoded: bytes) -> JpegHeader:
    """What a JPEG or JPEG-LS image says of itself. Raises UnreadableImage."""
    found, facts = None, {}
    for marker, payload in _segments(encoded):
        if marker in _FRAMES:
            if found:
                raise UnreadableImage(_DAMAGED)
            if marker in _UNREAD:
                raise UnreadableImage(
                    f"this JPEG image is {_UNREAD[marker]}, which is not supported; export it again"
                )
            found = _frame(payload) | {"is_progressive": marker == _PROGRESSIVE}
        elif marker == _APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 12:
            facts |= {"has_jfif": True, "pixel_height": _pixel_height(payload)}
        elif marker == _APP14 and payload.startswith(b"Adobe") and len(payload) >= 12:
            facts["adobe_transform"] = payload[11]
        elif marker == _APP2 and payload.startswith(b"MPF\0"):
            facts["has_more_images"] = True
        elif marker == _APP1 and payload.startswith(b"Exif\0\0"):
            facts.setdefault("exif", payload)
    if not found:
        raise UnreadableImage(_DAMAGED)
    return JpegHeader(**found, **facts)


def decode(encoded: bytes, header: JpegHeader, *, colours: str = RGB) -> np.ndarray:
    """The pixels of a baseline or progressive JPEG of 8 bits: (H, W), or (H, W, 3) RGB.

    Three components are taken as ``colours`` says, whatever the markers do: RGB leaves the samples
    as they are. Raises UnreadableImage for damage, be it ever so small.
    """
    _require_all_scans(encoded, header)
    if header.bits != 8 or len(header.components) not in (1, 3):
        raise UnreadableImage(
            f"this JPEG image has {len(header.components)} channels of {header.bits} bits, which "
            "are not supported; export it as RGB or greyscale with 8 bits"
        )
    is_grey = len(header.components) == 1
    try:
        pixels = simplejpeg.decode_jpeg(
            without_companions(encoded, "" if is_grey else colours), "GRAY" if is_grey else "RGB"
        )
    except ValueError as error:
        raise UnreadableImage(_unknown_sampling(header) or _DAMAGED) from error
    return pixels[..., 0] if is_grey else pixels


def _segments(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, payload) of what stands before the first scan. Raises UnreadableImage."""
    if not encoded.startswith(SOI):
        raise UnreadableImage(_DAMAGED)
    for marker, start, end in _places(encoded):
        yield marker, encoded[start + 4 : end]


def _places(encoded: bytes) -> Iterator[tuple[int, int, int]]:
    position = len(SOI)
    for _segment in range(MOST):
        if len(encoded) < position + 4 or encoded[position] != 0xFF:
            raise UnreadableImage(_DAMAGED)
        marker, length = struct.unpack_from(">BH", encoded, position + 1)
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        if marker == _SOS:
            return
        if length < 2:
            raise UnreadableImage(_DAMAGED)
        yield marker, position, position + 2 + length
        position += 2 + length
    raise too_many_pieces()


def _frame(payload: bytes) -> dict:
    """Size, bits and components by a frame's header."""
    try:
        bits, height, width, count = struct.unpack_from(">BHHB", payload)
        parts = [struct.unpack_from(">BB", payload, 6 + 3 * at) for at in range(count)]
    except struct.error:
        raise UnreadableImage(_DAMAGED) from None
    return {"bits": bits, "height": height, "width": width, "components": tuple(parts)}


def _pixel_height(payload: bytes) -> float:
    """By the densities of a JFIF marker: where pixels lie denser across, they are narrower."""
    _unit, across, down = struct.unpack_from(">BHH", payload, 7)
    return across / down if across and down else 1.0


def without_companions(encoded: bytes, colours: str = "") -> bytes:
    """The image without profiles, comments and markers of colours; with one that says RGB or YBR,
    if asked to."""
    parts = [SOI]
    if colours:
        parts += [_ADOBE, b"\1" if colours == YBR else b"\0"]
    position = len(SOI)
    for marker, start, end in _places(encoded):
        if marker in _COMPANIONS:
            parts.append(encoded[position:start])
            position = end
    return b"".join([*parts, encoded[position:]])


def _require_all_scans(encoded: bytes, header: JpegHeader) -> None:
    """Refuse an image of which a scan is missing: what is left of it is only coarse.

    Each coefficient of each component has to come down to its last bit.
    """
    left = {number: [True] * _COEFFICIENTS for number, _sampling in header.components}
    for place in _scans(encoded):
        try:
            for number, band, low_bit in _scan(encoded, place, header):
                for at in band:
                    left[number][at] = bool(low_bit)
        except (struct.error, KeyError, IndexError):
            raise UnreadableImage(_DAMAGED) from None
    if any(any(bits) for bits in left.values()):
        raise UnreadableImage(_DAMAGED)


def _scans(encoded: bytes) -> Iterator[int]:
    """Where each scan of the image begins, and none of a thumbnail's."""
    position = max((end for _marker, _start, end in _places(encoded)), default=len(SOI))
    for _segment in range(MOST):
        found = _MARKER.search(encoded, position)
        if found is None or found.group() == EOI:
            return
        if found.group() == _START_OF_SCAN:
            yield found.start()
        (length,) = struct.unpack_from(">H", encoded.ljust(found.end() + 2, b"\0"), found.end())
        position = found.end() + length
    raise too_many_pieces()


def _unknown_sampling(header: JpegHeader) -> str:
    """What is wrong with an image whose components stand in no common ratio of sizes."""
    factors = [f"{sampling >> 4}x{sampling & 15}" for _id, sampling in header.components]
    if factors in _COMMON_SAMPLING:
        return ""
    return (
        f"this JPEG image's colours are sampled in a way ({', '.join(factors)}) that is not "
        "supported, or it is damaged; export it again"
    )


def _scan(encoded: bytes, at: int, header: JpegHeader) -> Iterator[tuple[int, range, int]]:
    """(component, its coefficients, the bit that is still missing of them) of a scan's header."""
    length, count = struct.unpack_from(">HB", encoded, at + 2)
    if length != 6 + 2 * count:
        return
    first, last, bits = struct.unpack_from(">BBB", encoded, at + 5 + 2 * count)
    band = range(first, last + 1) if header.is_progressive else range(_COEFFICIENTS)
    for place in range(count):
        yield encoded[at + 5 + 2 * place], band, bits & 0x0F if header.is_progressive else 0
