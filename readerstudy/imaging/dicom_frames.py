"""The frames that the pixel data of a DICOM file hold, whatever its Number of Frames says."""

import struct
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000TransferSyntaxes, RLELossless

from readerstudy.imaging.piece_limit import too_many_pieces
from readerstudy.imaging.problems import UnreadableImage

MOST_FRAGMENTS = 100_000
MOST_OFFSETS = 2**17
_ITEM = (0xFFFE, 0xE000)
_STARTS_OF_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")
_START_OF_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Frames:
    """Where each frame lies in the pixel data."""

    data: bytes
    parts: tuple[tuple[tuple[int, int], ...], ...]
    """Of each frame, (start, end) of its fragments; one where the pixels are not compressed."""
    declared: int | None
    """What Number of Frames says."""
    unexplained: int = 0
    """Bytes behind the last frame that are no padding."""
    is_ambiguous: bool = False
    """Whether as many bytes can be another number of frames of another kind."""

    @property
    def count(self) -> int:
        return len(self.parts)

    def frame(self, index: int) -> bytes:
        """The bytes of frame ``index``, from 0."""
        return b"".join(self.data[start:end] for start, end in self.parts[index])


def frames_of(dataset: Dataset) -> Frames:
    """The frames of a data set that describes its pixels.

    A YBR_FULL_422 whose pixels are not subsampled becomes YBR_FULL in the data set.

    Raises
    ------
    UnreadableImage
        If there are fewer than the file says, or it can't be told how many.
    """
    declared = dataset.get("NumberOfFrames")
    declared = int(declared) if declared not in (None, "") else None
    compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    found = (_compressed if compressed else _plain)(dataset, declared)
    if found.count < max(declared or 1, 1):
        says = "1 frame" if (declared or 1) == 1 else f"{declared} frames"
        raise UnreadableImage(
            f"this DICOM file is incomplete: it has {says} by its header, and pixels for "
            f"{found.count}; export it again"
        )
    return found


def _plain(dataset: Dataset, declared: int | None) -> Frames:
    data = dataset.PixelData
    was_subsampled = dataset.PhotometricInterpretation == "YBR_FULL_422"
    if was_subsampled and dataset.get("PlanarConfiguration") is None:
        dataset.PlanarConfiguration = 0  # the one way to store them
    size = _frame_bytes(dataset, len(data), declared)
    if dataset.PhotometricInterpretation == "YBR_FULL_422" and dataset.PlanarConfiguration:
        raise UnreadableImage(
            "this DICOM file says of its colours (YBR_FULL_422) that they are stored by plane, "
            "which they can't be; export it as RGB"
        )
    count = len(data) // size
    rest = len(data) - count * size
    parts = tuple(((at * size, (at + 1) * size),) for at in range(min(count, MOST_FRAGMENTS)))
    return Frames(
        data,
        parts,
        declared,
        unexplained=rest if rest > 1 and any(data[-rest:]) else 0,
        is_ambiguous=was_subsampled and size == 3 * _pixel_bytes(dataset) and not count % 2,
    )


def _frame_bytes(dataset: Dataset, total: int, declared: int | None) -> int:
    """Bytes of a frame that is not compressed."""
    pixel = _pixel_bytes(dataset)
    if dataset.PhotometricInterpretation != "YBR_FULL_422":
        return dataset.SamplesPerPixel * pixel
    if dataset.Columns % 2:
        raise UnreadableImage(
            "this DICOM file's colours (YBR_FULL_422) need an even width; export it as RGB"
        )
    subsampled, whole = 2 * pixel, 3 * pixel
    number = declared or 1
    if total - number * subsampled in (0, 1):
        return subsampled
    if total - number * whole not in (0, 1):
        fit = [size for size in (subsampled, whole) if total >= size and total % size in (0, 1)]
        if len(fit) != 1:
            raise UnreadableImage(
                "this DICOM file is incomplete, or its colours (YBR_FULL_422) are stored in a way "
                "that can't be told from its length; export it as RGB"
            )
        if fit == [subsampled]:
            return subsampled
    dataset.PhotometricInterpretation = "YBR_FULL"
    return whole


def _pixel_bytes(dataset: Dataset) -> int:
    """Bytes of one sample of each pixel."""
    return dataset.Rows * dataset.Columns * (dataset.BitsAllocated // 8)


def _compressed(dataset: Dataset, declared: int | None) -> Frames:
    data = dataset.PixelData
    offsets, fragments = _fragments(data)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == RLELossless or declared == len(fragments):
        groups = [[fragment] for fragment in fragments]
    else:
        groups = _grouped(data, fragments, _begins(dataset, data, fragments, offsets))
    return Frames(data, tuple(tuple(group) for group in groups), declared)


def _begins(dataset: Dataset, data: bytes, fragments, offsets: list[int]) -> set[int]:
    """The places of the fragments with which a frame begins."""
    jpeg_2000 = dataset.file_meta.TransferSyntaxUID in JPEG2000TransferSyntaxes
    starts = _STARTS_OF_JPEG_2000 if jpeg_2000 else (_START_OF_JPEG,)
    found = {start for start, end in fragments if data[start:end].startswith(starts)}
    first = fragments[0][0] if fragments else 0
    listed = {first + offset for offset in offsets} & {start for start, _end in fragments}
    return found if len(found) >= len(listed) else listed


def _grouped(data: bytes, fragments, begins: set[int]) -> list[list[tuple[int, int]]]:
    groups: list[list[tuple[int, int]]] = []
    for start, end in fragments:
        if start in begins or not groups:
            groups.append([])
        groups[-1].append((start, end))
    return groups


def _fragments(data: bytes) -> tuple[list[int], list[tuple[int, int]]]:
    """(offsets of the frames, (start, end) of each fragment).

    Refuses pixels in more fragments, or with a longer list of offsets, than any real ones.
    """
    position, offsets, fragments = 0, None, []
    while position + 8 <= len(data):
        group, element, length = struct.unpack_from("<HHI", data, position)
        if (group, element) != _ITEM:
            break
        start, end = position + 8, position + 8 + length
        if offsets is None:
            if length > 4 * MOST_OFFSETS:
                raise too_many_pieces(MOST_OFFSETS)
            offsets = [each for (each,) in struct.iter_unpack("<I", data[start : end - length % 4])]
        else:
            fragments.append((start, min(end, len(data))))
        if len(fragments) > MOST_FRAGMENTS:
            raise too_many_pieces(MOST_FRAGMENTS)
        position = end
    return offsets or [], fragments
