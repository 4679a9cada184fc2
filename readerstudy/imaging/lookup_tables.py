"""DICOM stored values to brightness: look-up tables, rescaling and windows.

pydicom has functions for these, but theirs index 8-bit tables modulo 256. Colours: `palettes`.
"""

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from readerstudy.imaging.dicom_attributes_read import items_of
from readerstudy.imaging.problems import UnreadableImage


def grey_of(stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Brightness of stored values (H, W) on a display, (H, W) uint8, 0 being black.

    Raises
    ------
    UnreadableImage
        If the transformation is not one with finite brightness for each value.
    """
    _require_one_direction(dataset)
    values, low, high = _modality(stored, dataset)
    if item := next(items_of(dataset, "VOILUTSequence"), None):
        table = LookupTable.read_item(item, dataset)
        if table.values.max() < 2 ** (table.bits - 1):  # all would be darker than half
            raise table.contradicting()
        brightness = table.look_up(values) / (2**table.bits - 1)
    elif _first(dataset, "WindowWidth") is not None and _first(dataset, "WindowCenter") is not None:
        brightness = _windowed(values, dataset)
    else:
        brightness = (values - low) / (high - low)
    if not np.isfinite(brightness).all():
        raise UnreadableImage("this DICOM file's grey scale is malformed; export it as 8 bits")
    grey = np.rint(np.clip(brightness, 0, 1) * 255).astype(np.uint8)
    return 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def _require_one_direction(dataset: Dataset) -> None:
    if (
        dataset.get("PresentationLUTShape") == "INVERSE"
        and dataset.PhotometricInterpretation != "MONOCHROME1"
    ):
        raise UnreadableImage(
            "this DICOM file says both that great values are bright and that they are dark "
            "(Presentation LUT Shape); export it again"
        )


def _modality(stored: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, float, float]:
    """(values after the modality transformation, the least and the greatest there can be)."""
    if item := next(items_of(dataset, "ModalityLUTSequence"), None):
        table = LookupTable.read_item(item, dataset)
        return table.look_up(stored), 0, 2**table.bits - 1
    slope, intercept = _first(dataset, "RescaleSlope"), _first(dataset, "RescaleIntercept")
    slope, intercept = (1.0, 0.0) if slope is None or intercept is None else (slope, intercept)
    bits = dataset.BitsStored
    least, greatest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if not dataset.PixelRepresentation:
        least, greatest = 0, 2**bits - 1
    low, high = sorted((least * slope + intercept, greatest * slope + intercept))
    return stored * slope + intercept, low, high


def _windowed(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Brightness, 0 to 1 inside the window, by DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    center, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
    function = dataset.get("VOILUTFunction") or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        raise UnreadableImage("this DICOM file's window function is unknown; export it as 8 bits")
    if width < 1 if function == "LINEAR" else width <= 0:
        raise UnreadableImage("this DICOM file's window is too narrow; export it as 8 bits")
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width == 0:
        return (values > center).astype(np.float64)
    return (values - center) / width + 0.5


def _first(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a decimal element, None where it is absent or empty."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return None
    return float(value[0] if isinstance(value, list) or hasattr(value, "append") else value)


@dataclass(frozen=True)
class LookupTable:
    """A look-up table: stored value `first` and below maps to ``values[0]``, and so on."""

    values: np.ndarray
    first: int
    bits: int

    @classmethod
    def read_item(cls, item: Dataset, dataset: Dataset) -> "LookupTable":
        table = cls.read(item.LUTDescriptor, item["LUTData"].value, dataset)
        if table.values.max() >= 2**table.bits:
            raise table.contradicting()
        return table

    def contradicting(self) -> UnreadableImage:
        """The refusal of a table whose entries have other bits than it says."""
        return UnreadableImage(
            "this DICOM file's look-up table contradicts itself about its bits; export it again"
        )

    @classmethod
    def read(cls, descriptor, data, dataset: Dataset) -> "LookupTable":
        """From the descriptor's three numbers, and data as bytes or numbers."""
        count, first, bits = (int(number) for number in descriptor)
        count = (count & 0xFFFF) or 2**16
        if dataset.PixelRepresentation and first >= 2**15:  # a negative one, written without sign
            first -= 2**16
        if not 8 <= bits <= 16:
            raise UnreadableImage("this DICOM file's look-up table is malformed; export it again")
        if isinstance(data, bytes):
            little = dataset.file_meta.TransferSyntaxUID.is_little_endian
            words = np.frombuffer(data, dtype="<u2" if little else ">u2")
            # 8-bit entries stand two in a word.
            values = words if words.size >= count else words.astype("<u2").view(np.uint8)
        else:
            values = np.atleast_1d(np.asarray(data, dtype=np.int64) & 0xFFFF)
        if values.size < count:
            raise UnreadableImage("this DICOM file's look-up table is incomplete; export it again")
        return cls(values[:count].astype(np.int64), first, bits)

    def look_up(self, stored: np.ndarray) -> np.ndarray:
        """Entries, (H, W) int64, for values (H, W); those outside take the table's ends."""
        index = np.rint(stored) - self.first
        return self.values[np.clip(index, 0, self.values.size - 1).astype(np.int64)]
