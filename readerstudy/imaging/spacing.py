"""How many millimetres a pixel of an ultrasound image is, where its DICOM file tells it soundly."""

from math import isfinite

from pydicom.dataset import Dataset

from readerstudy.imaging.dicom import read_elements
from readerstudy.imaging.dicom_attributes_read import items_of
from readerstudy.imaging.source_limits import MAX_MM_PER_PIXEL

TWO_DIMENSIONAL = 1  # Region Spatial Format
_CENTIMETRES = 3  # Physical Units X and Y Direction
_MM_PER_CM = 10
_TOLERANCE = 0.01


def dicom_mm_per_pixel(data: bytes) -> float | None:
    """Millimetres per pixel of the DICOM file `data`; None where it is not known for sure.

    The two-dimensional ultrasound regions tell it (PS3.3, C.8.5.5), if all of them give
    centimetres and agree; without such a region, Pixel Spacing does. Pixels must be square within
    1 %, for one bar to be right in every direction.

    Raises
    ------
    UnreadableImage
        If the file is of a kind that is not read.
    Exception
        Of any kind, where the file is malformed.
    """
    dataset = read_elements(data, ["SequenceOfUltrasoundRegions", "PixelSpacing"])
    regions = [
        region
        for region in items_of(dataset, "SequenceOfUltrasoundRegions")
        if region.get("RegionSpatialFormat") == TWO_DIMENSIONAL
    ]
    if regions:
        return _agreed([length for region in regions for length in _deltas(region)])
    return _agreed(list(dataset.get("PixelSpacing") or ()))


def _deltas(region: Dataset) -> tuple[float | None, float | None]:
    """Millimetres per pixel across and down; None where the region's unit is no length."""
    deltas = []
    for axis in "XY":
        delta = region.get(f"PhysicalDelta{axis}")
        is_length = region.get(f"PhysicalUnits{axis}Direction") == _CENTIMETRES
        # The sign is the axis's direction alone.
        deltas.append(abs(delta) * _MM_PER_CM if is_length and delta else None)
    return tuple(deltas)


def _agreed(lengths: list[float | None]) -> float | None:
    """The mean of lengths that are the same within the tolerance, and plausible."""
    if not lengths or None in lengths or not all(isfinite(length) for length in lengths):
        return None
    least, most = float(min(lengths)), float(max(lengths))
    if not 0 < least <= most <= MAX_MM_PER_PIXEL or most > least * (1 + _TOLERANCE):
        return None
    return (least + most) / 2
