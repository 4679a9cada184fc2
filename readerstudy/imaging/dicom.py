"""One frame of a DICOM file as RGB pixels.

Only what `whitelist` lists is read: who the patient is never becomes text in memory.
"""

import logging
import struct
from collections.abc import Collection

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from readerstudy.imaging.codestream import check_codestream
from readerstudy.imaging.decode_subprocess import decode_in_subprocess
from readerstudy.imaging.dicom_attributes_read import READ, READ_OF_META, tags_of
from readerstudy.imaging.dicom_rle import unpack_run_length
from readerstudy.imaging.image_size_limit import check_size
from readerstudy.imaging.lookup_tables import grey_of, palette_rgb
from readerstudy.imaging.piece_limit import FewPieces, too_many_pieces
from readerstudy.imaging.problems import UnreadableImage, quoted
from readerstudy.imaging.source_limits import Limits

# It quotes a bad file's values, which are the user's to see and no log's. It sets its level itself
# as it is imported, so that no configuration from before holds.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

META_START = 132
PIXEL_DATA = 0x7FE00010
UNDEFINED_LENGTH = 0xFFFFFFFF
MOST_ELEMENT_BYTES = 512 * 1024
"""Of what is read but pixels: the longest is a look-up table of 65,536 entries of 16 bits."""
MOST_FRAGMENTS = 100_000

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

# One named decoder for each syntax, so that a picture does not depend on what else is installed;
# "" is for pixels that are not compressed.
_DECODERS = {
    ImplicitVRLittleEndian: "",
    ExplicitVRLittleEndian: "",
    ExplicitVRBigEndian: "",
    RLELossless: "",
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",
    JPEG2000Lossless: "pillow",
    JPEG2000: "pillow",
    JPEGLossless: "gdcm",
    JPEGLosslessSV1: "gdcm",
    JPEGLSLossless: "gdcm",
    JPEGLSNearLossless: "gdcm",
}

_OF_PIXELS = [
    keyword
    for keyword in READ
    if keyword not in ("BurnedInAnnotation", "SequenceOfUltrasoundRegions", "PixelSpacing")
]
_BURNED_IN = "YES"
_ITEM = 0xE000FFFE  # as it is read in little-endian halves


def decode_dicom(data: bytes, *, frame: int, limits: Limits) -> np.ndarray:
    """One frame, counted from 1, of the DICOM file `data`.

    Greyscale goes through its modality and value-of-interest transformation, the look-up table
    before the window and the first of several; without either, the full range of stored values
    becomes 0 to 255. Palettes are applied, YBR becomes RGB. Overlays are not drawn.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), uint8
        RGB.

    Raises
    ------
    UnreadableImage
        If the file is too large or small, has no such frame, or is of a kind that is not read.
    Exception
        Of any kind, where the file is malformed.
    """
    dataset = read_elements(data, _OF_PIXELS)
    _check(dataset, frame=frame, limits=limits)
    stored = _stored(dataset, index=frame - 1)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return palette_rgb(stored, dataset)
    if stored.ndim == 2:
        grey = grey_of(stored, dataset)
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    return np.ascontiguousarray(_colour8(stored, dataset))


def frame_count(data: bytes) -> int:
    """How many frames the DICOM file `data` says it has. Raises as `decode_dicom` does."""
    return _frames(read_elements(data, ["NumberOfFrames"]))


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
    file.seek(META_START)
    meta = read_dataset(
        file,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: tag >> 16 != 2,
        specific_tags=tags_of(READ_OF_META, allowed=READ_OF_META),
    )
    syntax = UID(meta.get("TransferSyntaxUID", ""))
    if syntax not in _DECODERS:
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
    dataset.file_meta = FileMetaDataset(meta)
    dataset.set_original_encoding(syntax.is_implicit_VR, syntax.is_little_endian)
    return dataset


def _is_past_pixels(tag: int, length: int, *, wanted: Collection[int]) -> bool:
    """Whether no element that is read comes any more. Raises UnreadableImage for one too long."""
    told = length != UNDEFINED_LENGTH and tag in wanted and tag != PIXEL_DATA
    if told and length > MOST_ELEMENT_BYTES:
        raise UnreadableImage(
            "this DICOM file has an implausibly long table or list; export it again"
        )
    return tag > PIXEL_DATA


def _check(dataset: Dataset, *, frame: int, limits: Limits) -> None:
    """Refuse what cannot be decoded with the right colours within the limits."""
    if "PixelData" not in dataset or "Rows" not in dataset or "Columns" not in dataset:
        raise UnreadableImage("this DICOM file has no image; export a file that has one")
    check_size(dataset.Columns, dataset.Rows, limits=limits)
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
    count = _frames(dataset)
    if not 1 <= frame <= count:
        has = "1 frame" if count == 1 else f"{count} frames"
        raise UnreadableImage(f"there is no frame {frame}: this DICOM file has {has}")


def _frames(dataset: Dataset) -> int:
    return int(dataset.get("NumberOfFrames") or 1)


def _photometric(dataset: Dataset) -> str:
    """The photometric interpretation and samples per pixel, for a message."""
    found = str(dataset.get("PhotometricInterpretation"))
    shown = quoted(found) if found in {*SAMPLES, *_NEVER_READ} else "not a standard name"
    return f"{shown}, samples per pixel {int(dataset.get('SamplesPerPixel') or 0)}"


def _stored(dataset: Dataset, *, index: int) -> np.ndarray:
    """Stored values of frame `index`, from 0: (H, W), or (H, W, 3) RGB."""
    syntax = dataset.file_meta.TransferSyntaxUID
    already_rgb = False
    if syntax.is_encapsulated:
        _check_fragments(dataset.PixelData)
        offsets = (dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths"))
        encoded = get_frame(
            dataset.PixelData,
            index,
            number_of_frames=_frames(dataset),
            extended_offsets=offsets if all(offsets) else None,
        )
        if syntax == RLELossless:
            return _plain(dataset, unpack_run_length(encoded, dataset))
        already_rgb = check_codestream(encoded, dataset)
        if _DECODERS[syntax] == "gdcm":
            return decode_in_subprocess(encoded, dataset)
    return pixel_array(dataset, index=index, raw=already_rgb, decoding_plugin=_DECODERS[syntax])


def _plain(dataset: Dataset, unpacked: bytes) -> np.ndarray:
    """As `_stored`, of the values of one frame that were compressed."""
    plain = Dataset(dataset)
    plain.file_meta = FileMetaDataset(dataset.file_meta)
    plain.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain.NumberOfFrames = 1
    if plain.SamplesPerPixel > 1:
        plain.PlanarConfiguration = 1
    plain.PixelData = unpacked + b"\0" * (len(unpacked) % 2)
    return pixel_array(plain, index=0)


def _check_fragments(pixels: bytes) -> None:
    """Refuse compressed pixels that are in more fragments, or have a longer list of frames, than
    any real ones: pydicom lists them all before it finds a frame."""
    position = 0
    for number in range(MOST_FRAGMENTS):
        if position + 8 > len(pixels):
            return
        tag, length = struct.unpack_from("<II", pixels, position)
        if tag != _ITEM or (number == 0 and length > MOST_ELEMENT_BYTES):
            break
        position += 8 + length
    else:
        raise too_many_pieces(MOST_FRAGMENTS)
    if tag == _ITEM:
        raise too_many_pieces(MOST_ELEMENT_BYTES // 4)


def _colour8(stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The upper 8 bits of each colour sample."""
    if stored.dtype == np.uint8:
        return stored
    if stored.dtype != np.uint16 or dataset.BitsStored < 8:
        raise UnreadableImage(
            "this DICOM file's colours are not plain 8 or 16 bits; export it with 8 bits"
        )
    return (stored >> (dataset.BitsStored - 8)).astype(np.uint8)
