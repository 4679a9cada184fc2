"""How large a pixel of an image is, and of what shape, where its DICOM file tells it soundly."""

from dataclasses import dataclass
from math import isfinite

from pydicom.dataset import Dataset

from readerstudy.imaging.dicom import read_elements
from readerstudy.imaging.dicom_attributes_read import items_of
from readerstudy.imaging.functional_groups import PER_FRAME, SHARED, apply_functional_groups
from readerstudy.imaging.source_limits import MAX_MM_PER_PIXEL

TWO_DIMENSIONAL = 1  # Region Spatial Format
TOLERANCE = 0.01
"""By which lengths may differ and count as the same."""
MOST_OBLONG = 5
"""Times as high as wide, or as wide as high, that a pixel is believed to be."""
_CENTIMETRES = 3  # Physical Units X and Y Direction
_MM_PER_CM = 10
# Each as the height and the width of a pixel, in this order.
_PLAIN = ("PixelSpacing", "NominalScannedPixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio")


@dataclass(frozen=True, kw_only=True)
class PixelSize:
    """The size and shape of a pixel."""

    mm: float | None = None
    """Of its shorter side; of either, once it is made square by stretching the picture."""
    height: float = 1.0
    """Its width being 1."""
    doubt: str = ""
    """Why its shape may be another, for a person who looks at the picture; "" if it is not."""


def dicom_pixel_size(data: bytes, *, frame: int = 1) -> PixelSize:
    """The pixel of the DICOM file `data`, or of its frame `frame`.

    The two-dimensional ultrasound regions tell it (PS3.3, C.8.5.5), if all of them give
    centimetres and agree; without such a region, Pixel Spacing does. The shape alone is told by
    Pixel Aspect Ratio, too.

    Raises
    ------
    UnreadableImage
        If the file is of a kind that is not read.
    Exception
        Of any kind, where the file is malformed.
    """
    dataset = read_elements(data, ["SequenceOfUltrasoundRegions", *_PLAIN, SHARED, PER_FRAME])
    apply_functional_groups(dataset, index=frame - 1)
    malformed: list[str] = []
    regions = [
        _deltas(region)
        for region in items_of(dataset, "SequenceOfUltrasoundRegions")
        if region.get("RegionSpatialFormat") == TWO_DIMENSIONAL
    ]
    shapes = [down / across for down, across in filter(None, regions)]
    plain = {keyword: _lengths(dataset, keyword, malformed) for keyword in _PLAIN}
    told = [*shapes[:1], *(pair[0] / pair[1] for pair in plain.values() if pair)]
    height = told[0] if told else 1.0
    doubt = ""
    if not _agree(shapes):
        height, doubt = 1.0, "its ultrasound regions differ in the shape of their pixels"
    elif not 1 / MOST_OBLONG <= height <= MOST_OBLONG:
        height, doubt = 1.0, "what it says of the shape of its pixels is not plausible"
    elif not _agree(told):
        doubt = "it contradicts itself about the shape of its pixels"
    elif malformed:
        doubt = "a length in it is malformed"
    mm = _agreed(regions if regions else [plain["PixelSpacing"]], shape=height)
    return PixelSize(mm=mm, height=1.0 if _agree([1.0, height]) else height, doubt=doubt)


def _deltas(region: Dataset) -> tuple[float, float] | None:
    """Millimetres of a pixel down and across; None where the region's unit is no length."""
    sizes = []
    for axis in "YX":
        delta = region.get(f"PhysicalDelta{axis}")
        is_length = region.get(f"PhysicalUnits{axis}Direction") == _CENTIMETRES
        # The sign is the axis's direction alone.
        sizes.append(abs(delta) * _MM_PER_CM if is_length and delta else None)
    return _pair(sizes)


def _lengths(dataset: Dataset, keyword: str, malformed: list[str]) -> tuple[float, float] | None:
    """Two lengths; one that can't be read as numbers is noted, and is as good as none."""
    try:
        return _pair(list(dataset.get(keyword) or ()))
    except (ValueError, TypeError, ArithmeticError):
        malformed.append(keyword)
        return None


def _pair(sizes: list) -> tuple[float, float] | None:
    """Two lengths above 0; None where they are anything else."""
    if len(sizes) != 2 or None in sizes:
        return None
    down, across = float(sizes[0]), float(sizes[1])
    sound = isfinite(down) and isfinite(across) and down > 0 and across > 0
    return (down, across) if sound else None


def _agree(values: list[float]) -> bool:
    return not values or max(values) <= min(values) * (1 + TOLERANCE)


def _agreed(pairs: list[tuple[float, float] | None], *, shape: float) -> float | None:
    """The mean of lengths that are the same within the tolerance, and plausible; of oblong pixels
    of the shape that the picture is stretched by, of their shorter sides."""
    if None in pairs or not all(_agree([down / across, shape]) for down, across in pairs):
        return None
    if _agree([1.0, shape]):
        lengths = [length for pair in pairs for length in pair]
    else:
        lengths = [min(pair) for pair in pairs]
    if not _agree(lengths) or max(lengths) > MAX_MM_PER_PIXEL:
        return None
    return (min(lengths) + max(lengths)) / 2
