"""What is read of a DICOM file: these attributes, and no other.

Nothing else is ever decoded, so nothing else can reach a row, a log, a message or a file. Names
are DICOM's keywords. An attribute that is not here is added with its reason, or not at all.
"""

from collections.abc import Iterable, Iterator

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

_PIXELS = "describes how the pixels are stored"
_GREY = "turns stored values into brightness"
_PALETTE = "turns stored values into colours"

READ = {
    "BurnedInAnnotation": "says YES where the pixels name the patient; nothing else of it counts",
    "SequenceOfUltrasoundRegions": "says what of the picture is ultrasound, and its scale",
    "PixelSpacing": "the scale, where no region tells it",
    "PixelAspectRatio": "the shape of a pixel, where no scale tells it",
    "NominalScannedPixelSpacing": "the shape of a pixel, where no scale tells it",
    "ImagerPixelSpacing": "the shape of a pixel, where no scale tells it",
    "SharedFunctionalGroupsSequence": "window, rescaling and scale of all frames",
    "PerFrameFunctionalGroupsSequence": "window, rescaling and scale of each frame",
    "PixelPresentation": "says that colours are made from several planes, which are not read",
    "SamplesPerPixel": _PIXELS,
    "PhotometricInterpretation": _PIXELS,
    "PlanarConfiguration": _PIXELS,
    "NumberOfFrames": _PIXELS,
    "Rows": _PIXELS,
    "Columns": _PIXELS,
    "BitsAllocated": _PIXELS,
    "BitsStored": _PIXELS,
    "HighBit": _PIXELS,
    "PixelRepresentation": _PIXELS,
    "ExtendedOffsetTable": "where each frame begins",
    "ExtendedOffsetTableLengths": "where each frame ends",
    "WindowCenter": _GREY,
    "WindowWidth": _GREY,
    "VOILUTFunction": _GREY,
    "RescaleIntercept": _GREY,
    "RescaleSlope": _GREY,
    "ModalityLUTSequence": _GREY,
    "VOILUTSequence": _GREY,
    "PresentationLUTShape": "says that great values are dark; what contradicts it is refused",
    "RedPaletteColorLookupTableDescriptor": _PALETTE,
    "GreenPaletteColorLookupTableDescriptor": _PALETTE,
    "BluePaletteColorLookupTableDescriptor": _PALETTE,
    "RedPaletteColorLookupTableData": _PALETTE,
    "GreenPaletteColorLookupTableData": _PALETTE,
    "BluePaletteColorLookupTableData": _PALETTE,
    "SegmentedRedPaletteColorLookupTableData": _PALETTE,
    "SegmentedGreenPaletteColorLookupTableData": _PALETTE,
    "SegmentedBluePaletteColorLookupTableData": _PALETTE,
    "PixelData": "the pixels",
}
"""Attributes of the data set, with the reason for each."""

READ_OF_META = {"TransferSyntaxUID": "says how the file is encoded"}
"""Attributes of the file meta information."""

_OF_A_FRAME = {
    "FrameVOILUTSequence": _GREY,
    "PixelValueTransformationSequence": _GREY,
    "PixelMeasuresSequence": "the scale, where no region tells it",
}
READ_OF_ITEMS = {
    "SequenceOfUltrasoundRegions": {
        "RegionSpatialFormat": "two-dimensional, or a trace",
        "RegionDataType": "tissue, colour flow, or something else",
        "RegionLocationMinX0": "the region's left edge",
        "RegionLocationMinY0": "the region's top edge",
        "RegionLocationMaxX1": "the region's right edge",
        "RegionLocationMaxY1": "the region's bottom edge",
        "PhysicalUnitsXDirection": "the scale's unit",
        "PhysicalUnitsYDirection": "the scale's unit",
        "PhysicalDeltaX": "the scale",
        "PhysicalDeltaY": "the scale",
    },
    "ModalityLUTSequence": {"LUTDescriptor": _GREY, "LUTData": _GREY},
    "VOILUTSequence": {"LUTDescriptor": _GREY, "LUTData": _GREY},
    "SharedFunctionalGroupsSequence": _OF_A_FRAME,
    "PerFrameFunctionalGroupsSequence": _OF_A_FRAME,
    "FrameVOILUTSequence": {
        "WindowCenter": _GREY,
        "WindowWidth": _GREY,
        "VOILUTFunction": _GREY,
        "VOILUTSequence": _GREY,
    },
    "PixelValueTransformationSequence": {"RescaleIntercept": _GREY, "RescaleSlope": _GREY},
    "PixelMeasuresSequence": {"PixelSpacing": "the scale, where no region tells it"},
}
"""Attributes of the items of each sequence that is read."""


def tags_of(keywords: Iterable[str], *, allowed: Iterable[str]) -> list[BaseTag]:
    """The tags of these keywords. Raises KeyError for one that is not allowed."""
    keywords, allowed = list(keywords), set(allowed)
    if unlisted := [keyword for keyword in keywords if keyword not in allowed]:
        raise KeyError(f"not on the list of what is read: {', '.join(unlisted)}")
    return [Tag(keyword) for keyword in keywords]


def items_of(dataset: Dataset, sequence: str) -> Iterator[Dataset]:
    """The items of a sequence, each with what is on the list alone."""
    wanted = set(tags_of(READ_OF_ITEMS[sequence], allowed=READ_OF_ITEMS[sequence]))
    for item in dataset.get(sequence) or ():
        for tag in set(item.keys()) - wanted:
            del item[tag]
        yield item
