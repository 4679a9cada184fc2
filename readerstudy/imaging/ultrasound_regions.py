"""What of an ultrasound picture is ultrasound, as its DICOM file tells it (PS3.3, C.8.5.5).

A region's corners count from (0, 0), the picture's top left pixel, and both belong to the region.
Machines write boxes that overrun the picture, by a pixel or, where somebody has made the picture
smaller since, by half: the first is cut off, the second is not believed.
"""

from collections.abc import Iterator
from itertools import islice, pairwise

from pydicom.dataset import Dataset

from readerstudy.imaging.box import Box
from readerstudy.imaging.dicom import read_elements
from readerstudy.imaging.dicom_attributes_read import items_of
from readerstudy.imaging.problems import UnreadableImage
from readerstudy.imaging.spacing import TWO_DIMENSIONAL

DATA_TYPES = (1, 2)
"""Region Data Type: tissue, colour flow. Two-dimensional drawings and scales are neither."""
LEAST_SHARE = 0.1
"""Of the picture that is ultrasound: less is not believed."""
LEAST_INSIDE = 0.5
"""Of a region that lies inside the picture: where less does, the picture was made smaller."""
LEAST_COVERED = 0.75
"""Of the box around several regions that they cover: between boxes far apart stands the frame."""

MOST_REGIONS = 32

_CORNERS = ("MinX0", "MinY0", "MaxX1", "MaxY1")


class NoRegion(UnreadableImage):
    """The file does not tell soundly what is ultrasound; its text says why, and names no one."""


class PictureResized(NoRegion):
    """The regions are those of a larger picture, and so is the scale that they tell."""


def require_ultrasound_box(data: bytes, *, width: int, height: int, least_side: int) -> Box:
    """The box around the two-dimensional regions of tissue and colour flow of the file `data`.

    Several of them, as in a dual picture, are taken together with what little is between them.

    Parameters
    ----------
    data : bytes
        The whole DICOM file.
    width, height : int
        Pixels of its picture.
    least_side : int
        Pixels that the box has across and down, at the least.

    Raises
    ------
    NoRegion
        If there is no such region, or one that is not plausible; PictureResized if that is so
        because the picture was made smaller.
    UnreadableImage
        If the file is of a kind that is not read.
    Exception
        Of any kind, where the file is malformed.
    """
    dataset = read_elements(data, ["SequenceOfUltrasoundRegions"])
    found = list(islice(_two_dimensional(dataset), MOST_REGIONS + 1))
    if len(found) > MOST_REGIONS:
        raise NoRegion("the file has too many regions")
    boxes = [_inside(box, width=width, height=height) for box in found]
    if not boxes:
        raise NoRegion("the file does not say which part of the picture is ultrasound")
    whole = boxes[0]
    for box in boxes[1:]:
        whole = whole.around(box)
    if min(whole.width, whole.height) < least_side or whole.area < LEAST_SHARE * width * height:
        raise NoRegion("the ultrasound region in the file is too small a part of the picture")
    if _covered(boxes, whole) < LEAST_COVERED:
        raise NoRegion("the ultrasound regions in the file are too far apart")
    return whole


def _two_dimensional(dataset: Dataset) -> Iterator[Box]:
    for region in items_of(dataset, "SequenceOfUltrasoundRegions"):
        is_flat = region.get("RegionSpatialFormat") == TWO_DIMENSIONAL
        if is_flat and region.get("RegionDataType") in DATA_TYPES:
            left, top, right, bottom = (int(region[f"RegionLocation{at}"].value) for at in _CORNERS)
            yield Box(left, top, right + 1, bottom + 1)


def _inside(box: Box, *, width: int, height: int) -> Box:
    clamped = box.clamped(width, height)
    if not box.area:
        raise NoRegion("an ultrasound region in the file is empty")
    if clamped.area < LEAST_INSIDE * box.area:
        raise PictureResized("an ultrasound region in the file lies outside the picture")
    return clamped


def _covered(boxes: list[Box], whole: Box) -> float:
    """The share of `whole` that lies in any of `boxes`, exactly."""
    across = sorted({edge for box in boxes for edge in (box.left, box.right)})
    area = 0
    for left, right in pairwise(across):
        spans = sorted((b.top, b.bottom) for b in boxes if b.left <= left and b.right >= right)
        reached = covered = 0
        for top, bottom in spans:
            covered += max(bottom - max(top, reached), 0)
            reached = max(reached, bottom)
        area += (right - left) * covered
    return area / whole.area
