"""What a JPEG 2000 codestream (ISO/IEC 15444-1, annex A) says of itself, before it is decoded."""

import struct
from collections.abc import Iterator

from readerstudy.imaging.colours import RGB
from readerstudy.imaging.piece_limit import too_many_pieces
from readerstudy.imaging.problems import UnreadableImage

MOST_TILES = 4096
"""Of an image."""
MOST_TILE_PARTS = 2**16
MOST_PRECINCTS = 200_000
"""Of all resolutions and channels: a decoder takes memory for each before it has read a byte of it,
and a hostile file can ask for one a pixel."""
SOC = b"\xff\x4f"  # start of codestream
_START = SOC + b"\xff\x51"  # and then its size segment
_JP2_START = b"\0\0\0\x0cjP  "
_CODING_STYLE, _CODING_STYLE_OF_CHANNEL, _TILE_PART, _DATA = 0xFF52, 0xFF53, 0xFF90, 0xFF93
_LARGEST = 15  # of a precinct, where nothing is said: as a power of two
_SLACK = 64
_MOST_LEVELS = 32
_DAMAGED = "this JPEG 2000 image is damaged; export it again"


def read_jpeg_2000(encoded: bytes) -> tuple[tuple[int, int], int, int, str]:
    """((width, height), channels, bits, colours once decoded: RGB, or "" where nothing says so).

    Raises
    ------
    UnreadableImage
        If it is wrapped, has more parts than any real one, or is damaged in a way that a decoder
        does not tell.
    struct.error, IndexError
        If it is malformed.
    """
    _require_codestream(encoded)
    right, bottom, left, top, across, down, first, upper = struct.unpack_from(">8I", encoded, 8)
    width, height = right - left, bottom - top
    tiles = -(-(right - first) // across) * -(-(bottom - upper) // down) if across and down else 0
    if not 0 < tiles <= MOST_TILES:
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
    styles = list(_styles(encoded))
    if not styles:
        raise UnreadableImage(_DAMAGED)
    tile = min(width, across), min(height, down)
    packets = max(style.precincts(*tile) for style in styles) * tiles * channels
    if packets > MOST_PRECINCTS:
        raise UnreadableImage(
            "this JPEG 2000 image is in an implausible number of parts; export it again"
        )
    # An empty packet is a byte of zeros: a longer run of them is no picture.
    if bytes(packets * styles[0].layers + _SLACK) in encoded:
        raise UnreadableImage(
            "this JPEG 2000 image is damaged: part of it is empty; export it again"
        )
    bits = (encoded[42] & 0x7F) + 1  # the highest bit says whether they are signed
    colours = RGB if channels == 3 and styles[0].has_transform else ""
    return (width, height), channels, bits, colours


class _Style:
    """A coding style: how the picture was transformed, and in what parts it lies."""

    def __init__(self, *, layers: int, has_transform: bool, sizes: list[tuple[int, int]]):
        self.layers = layers
        self.has_transform = has_transform
        """Whether the decoder turns three transformed channels back into red, green and blue."""
        self._sizes = sizes  # of precincts, as powers of two, from the coarsest resolution on

    @classmethod
    def read(cls, encoded: bytes, at: int) -> "_Style":
        """Of all channels."""
        layers, transform = struct.unpack_from(">HB", encoded, at + 6)
        sizes = _sizes(encoded, at + 9, are_said=encoded[at + 4] & 1)
        return cls(layers=layers, has_transform=bool(transform), sizes=sizes)

    @classmethod
    def read_of_channel(cls, encoded: bytes, at: int) -> "_Style":
        sizes = _sizes(encoded, at + 6, are_said=encoded[at + 5] & 1)
        return cls(layers=1, has_transform=False, sizes=sizes)

    def precincts(self, width: int, height: int) -> int:
        """Of a tile of this size, in one channel."""
        total = 0
        for place, (across, down) in enumerate(self._sizes):
            shrunk = len(self._sizes) - 1 - place
            sides = (-(-side // 2**shrunk) for side in (width, height))
            columns, rows = (-(-side // 2**size) + 1 for side, size in zip(sides, (across, down),
                                                                         strict=True))  # fmt: skip
            total += columns * rows
        return total


def _require_codestream(encoded: bytes) -> None:
    if encoded.startswith(_JP2_START):
        raise UnreadableImage(
            "this DICOM file's JPEG 2000 image is wrapped in a file of its own (JP2), which is "
            "not supported; export it again"
        )
    if not encoded.startswith(_START):
        raise UnreadableImage(
            "this DICOM file says that its image is JPEG 2000, but it is not; export it again"
        )


def _styles(encoded: bytes) -> Iterator[_Style]:
    """All of them: of the image first, then of single channels and tiles."""
    own = []
    for marker, at in _all_segments(encoded):
        if marker == _CODING_STYLE:
            yield _Style.read(encoded, at)
        elif marker == _CODING_STYLE_OF_CHANNEL:
            own.append(_Style.read_of_channel(encoded, at))
    yield from own


def _sizes(encoded: bytes, at: int, *, are_said: int) -> list[tuple[int, int]]:
    """Of the precincts of each resolution, whose number stands at this place."""
    levels = encoded[at]
    if levels > _MOST_LEVELS:
        raise UnreadableImage(_DAMAGED)
    if not are_said:
        return [(_LARGEST, _LARGEST)] * (levels + 1)
    said = encoded[at + 5 : at + 6 + levels]
    if len(said) != levels + 1:
        raise UnreadableImage(_DAMAGED)
    return [(size & 15, size >> 4) for size in said]


def _all_segments(encoded: bytes) -> Iterator[tuple[int, int]]:
    """(marker, place) of the segments of the main header and of each tile part's."""
    position = len(SOC)
    for marker, at in _segments(encoded, position, until=_TILE_PART):
        yield marker, at
        position = at
    for _part in range(MOST_TILE_PARTS):
        if encoded[position : position + 2] != _TILE_PART.to_bytes(2):
            return
        yield from _segments(encoded, position, until=_DATA)
        (length,) = struct.unpack_from(">I", encoded, position + 6)
        if not length:  # up to the end
            return
        position += length
    raise too_many_pieces(MOST_TILE_PARTS)


def _segments(encoded: bytes, position: int, *, until: int) -> Iterator[tuple[int, int]]:
    """(marker, place) from here on, that of ``until`` being the last."""
    while True:
        marker, length = struct.unpack_from(">HH", encoded, position)
        yield marker, position
        if marker == until:
            return
        if marker & 0xFF00 != 0xFF00 or length < 2:
            raise UnreadableImage(_DAMAGED)
        position += 2 + length
