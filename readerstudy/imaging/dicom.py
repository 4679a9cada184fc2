"""One frame of a DICOM file as RGB pixels.

Only what `whitelist` lists is read: who the patient is never becomes text in memory.
"""

import logging
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from pydicom.datadict import dictionary_description
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
)

from readerstudy.imaging.colours import RGB, YBR, colours_in_doubt, rgb_of_ybr
from readerstudy.imaging.dicom_attributes_read import READ, READ_OF_META, tags_of
from readerstudy.imaging.dicom_frames import Frames, frames_of
from readerstudy.imaging.dicom_header import meta_start
from readerstudy.imaging.dicom_samples import SYNTAXES, Samples, samples_of
from readerstudy.imaging.functional_groups import apply_functional_groups
from readerstudy.imaging.image_size_limit import check_size
from readerstudy.imaging.lookup_tables import grey_of
from readerstudy.imaging.palettes import palette_rgb
from readerstudy.imaging.picture import Picture
from readerstudy.imaging.piece_limit import FewPieces, too_many_pieces
from readerstudy.imaging.problems import UnreadableImage, quoted
from readerstudy.imaging.source_limits import Limits

# It quotes a bad file's values, which are the user's to see and no log's. It sets its level itself
# as it is imported, so that no configuration from before holds.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

PIXEL_DATA = 0x7FE00010
UNDEFINED_LENGTH = 0xFFFFFFFF
MOST_ELEMENT_BYTES = 512 * 1024
"""Of what is read but pixels: the longest is a look-up table of 65,536 entries of 16 bits."""
MOST_BYTES_OF_GROUPS = 2**22
"""Of what a clip says of each of its frames."""
MOST_ITEMS_OF_GROUPS = 50_000
"""Of the same, those within items included: each takes a parser long, and for every frame again."""

SAMPLES = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_RCT": 3,
    "YBR_ICT": 3,
}
"""Samples per pixel of each photometric interpretation that can be read."""

_NEVER_READ = ("HSV", "ARGB", "CMYK", "XYB", "YBR_PARTIAL_422", "YBR_PARTIAL_420")

_OF_PIXELS = [
    keyword
    for keyword in READ
    if keyword not in ("BurnedInAnnotation", "SequenceOfUltrasoundRegions", "PixelSpacing")
]
_DESCRIPTION = ("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
                "PixelRepresentation")  # fmt: skip
_GROUPS = tags_of(
    ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"], allowed=READ
)
_BURNED_IN = "YES"
_ITEM = b"\xfe\xff\x00\xe0"


def decode_dicom(data: bytes, *, frame: int, limits: Limits, taken_as: str = "") -> Picture:
    """One frame, counted from 1, of the DICOM file `data`.

    Greyscale goes through its modality and value-of-interest transformation, the look-up table
    before the window and the first of several; without either, the full range of stored values
    becomes 0 to 255. Palettes are applied, YBR becomes RGB: by what the pixels prove, then by the
    file's label. Overlays are not drawn.

    Parameters
    ----------
    data : bytes
        The whole file.
    frame : int
    limits : Limits
    taken_as : str, optional
        RGB or YBR: how to read three samples a pixel, where that is settled already.

    Raises
    ------
    UnreadableImage
        If the file is too large or small, has no such frame, or is of a kind that is not read.
    Exception
        Of any kind, where the file is malformed.
    """
    dataset = read_elements(data, _OF_PIXELS)
    frames = _checked_frames(dataset, limits=limits)
    if not 1 <= frame <= frames.count:
        has = "1 frame" if frames.count == 1 else f"{frames.count} frames"
        raise UnreadableImage(f"there is no frame {frame}: this DICOM file has {has}")
    apply_functional_groups(dataset, index=frame - 1)
    samples = samples_of(dataset, frames.frame(frame - 1))
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return Picture(rgb=palette_rgb(samples.values, dataset))
    if samples.values.ndim == 2:
        grey = grey_of(samples.values, dataset)
        return Picture(rgb=np.repeat(grey[..., np.newaxis], 3, axis=2))
    picture = _coloured(samples, dataset, taken_as=taken_as)
    return replace(picture, planes_in_doubt=samples.planes_in_doubt)


def frames_held(data: bytes, *, limits: Limits) -> Frames:
    """The frames that the DICOM file `data` holds. Raises as `decode_dicom` does."""
    return _checked_frames(read_elements(data, _OF_PIXELS), limits=limits)


def says_burned_in(data: bytes) -> bool:
    """Whether the DICOM file `data` says that its pixels name the patient.

    Raises as `decode_dicom` does. That it says no, or nothing, proves nothing.
    """
    value = read_elements(data, ["BurnedInAnnotation"]).get("BurnedInAnnotation")
    return str(value).strip().upper() == _BURNED_IN


def read_elements(data: bytes, keywords: Collection[str]) -> Dataset:
    """The elements with these keywords, up to the pixels, and the transfer syntax.

    Not by dcmread: it inflates a deflated file whole before anyone can ask how large it gets.
    Raises KeyError for a keyword that is not on the list of what is read (`whitelist`).
    """
    tags = tags_of(keywords, allowed=READ)
    file = FewPieces(data)
    file.seek(meta_start(data))
    meta = read_dataset(
        file,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: tag >> 16 != 2,
        specific_tags=tags_of(READ_OF_META, allowed=READ_OF_META),
    )
    syntax = UID(meta.get("TransferSyntaxUID", ""))
    if syntax not in SYNTAXES:
        # Only a name that the standard has: whatever else stands there may be anybody's.
        known = quoted(syntax.name) if syntax.name != str(syntax) else "not a standard one"
        shown = known if syntax else "missing"
        raise UnreadableImage(
            f"this DICOM file's transfer syntax is {shown}, which is not supported; export it "
            "uncompressed, or as JPEG, JPEG 2000 or RLE"
        )
    dataset = read_dataset(
        file,
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
        stop_when=lambda tag, _vr, length: _is_past_pixels(tag, length, wanted=tags),
        specific_tags=tags,
    )
    dataset.pop("SpecificCharacterSet", None)  # pydicom brings it along
    _require_few_items(dataset)
    dataset.file_meta = FileMetaDataset(meta)
    dataset.set_original_encoding(syntax.is_implicit_VR, syntax.is_little_endian)
    return dataset


def _require_few_items(dataset: Dataset) -> None:
    """Before the items of a sequence are parsed."""
    for tag in _GROUPS:
        value = getattr(dataset.get_item(tag), "value", None)
        if isinstance(value, bytes) and value.count(_ITEM) > MOST_ITEMS_OF_GROUPS:
            raise too_many_pieces(MOST_ITEMS_OF_GROUPS)


def _is_past_pixels(tag: int, length: int, *, wanted: Collection[int]) -> bool:
    """Whether no element that is read comes any more. Raises UnreadableImage for one too long."""
    told = length != UNDEFINED_LENGTH and tag in wanted and tag != PIXEL_DATA
    if told and length > (MOST_BYTES_OF_GROUPS if tag in _GROUPS else MOST_ELEMENT_BYTES):
        raise UnreadableImage(
            "this DICOM file has an implausibly long table or list; export it again"
        )
    return tag > PIXEL_DATA


def _checked_frames(dataset: Dataset, *, limits: Limits) -> Frames:
    """The frames of a file that can be decoded with the right colours within the limits."""
    if "PixelData" not in dataset or "Rows" not in dataset or "Columns" not in dataset:
        raise UnreadableImage("this DICOM file has no image; export a file that has one")
    check_size(dataset.Columns, dataset.Rows, limits=limits)
    _require_description(dataset)
    photometric = dataset.PhotometricInterpretation
    syntax = dataset.file_meta.TransferSyntaxUID
    known = SAMPLES.get(photometric) == dataset.SamplesPerPixel
    if photometric in ("YBR_RCT", "YBR_ICT"):
        known = known and syntax in JPEG2000TransferSyntaxes
    if not known or dataset.get("PixelPresentation") in ("COLOR", "MIXED"):
        raise UnreadableImage(
            f"this DICOM file's colours ({_photometric(dataset)}) are not supported; export "
            "it as RGB"
        )
    if dataset.BitsAllocated not in (8, 16) or not 1 <= dataset.BitsStored <= dataset.BitsAllocated:
        raise UnreadableImage(
            "this DICOM file has neither 8 nor 16 bits per sample; export it with 8 bits"
        )
    _undo_words(dataset)
    return frames_of(dataset)


def _undo_words(dataset: Dataset) -> None:
    """Samples of 8 bits that a big-endian file has in words of 16 stand there in pairs, swapped."""
    pixels = dataset["PixelData"]
    if dataset.file_meta.TransferSyntaxUID.is_little_endian or dataset.BitsAllocated != 8:
        return
    if pixels.VR != "OB":
        words = np.frombuffer(pixels.value + b"\0" * (len(pixels.value) % 2), ">u2")
        dataset["PixelData"] = DataElement(PIXEL_DATA, "OB", words.astype("<u2").tobytes())


def _require_description(dataset: Dataset) -> None:
    """Refuse a file that does not say how its pixels are to be read."""
    needed = list(_DESCRIPTION)
    is_compressed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    is_subsampled = dataset.get("PhotometricInterpretation") == "YBR_FULL_422"
    if dataset.get("SamplesPerPixel") == 3 and not is_compressed and not is_subsampled:
        needed.append("PlanarConfiguration")
    for keyword in needed:
        if dataset.get(keyword) in (None, ""):
            raise UnreadableImage(
                f"this DICOM file does not say its {dictionary_description(keyword)}; export it "
                "again"
            )
    if dataset.get("PlanarConfiguration") not in (None, "", 0, 1):
        raise UnreadableImage(
            "this DICOM file's Planar Configuration is neither 0 nor 1; export it again"
        )


def _photometric(dataset: Dataset) -> str:
    """The photometric interpretation and samples per pixel, for a message."""
    found = str(dataset.get("PhotometricInterpretation"))
    shown = quoted(found) if found in {*SAMPLES, *_NEVER_READ} else "not a standard name"
    return f"{shown}, samples per pixel {int(dataset.get('SamplesPerPixel') or 0)}"


def _coloured(samples: Samples, dataset: Dataset, *, taken_as: str) -> Picture:
    """Three samples a pixel, as what they are."""
    values = _upper_8_bits(samples.values, dataset)
    if samples.converted:
        return Picture(rgb=values, taken_as=YBR)
    in_doubt = not taken_as and colours_in_doubt(
        values, taken_as=samples.colours, is_proven=samples.is_proven
    )
    taken_as = RGB if in_doubt else taken_as or samples.colours
    rgb = rgb_of_ybr(values) if taken_as == YBR else np.ascontiguousarray(values)
    return Picture(rgb=rgb, taken_as=taken_as, in_doubt=in_doubt)


def _upper_8_bits(stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The upper 8 bits of each colour sample."""
    if stored.dtype == np.uint8 and dataset.BitsStored == 8:
        return stored
    if stored.dtype != np.uint16 or dataset.BitsStored < 8:
        raise UnreadableImage(
            "this DICOM file's colours are not plain 8 or 16 bits; export it with 8 bits"
        )
    return (stored >> (dataset.BitsStored - 8)).astype(np.uint8)
