"""The stored samples of one DICOM frame, before anything is made of them."""

from copy import copy
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from readerstudy.imaging import jpeg, planes
from readerstudy.imaging.codestream import Codestream, read_codestream
from readerstudy.imaging.colours import RGB, YBR
from readerstudy.imaging.decode_subprocess import decode_in_subprocess
from readerstudy.imaging.dicom_rle import unpack_run_length
from readerstudy.imaging.problems import UnreadableImage

# One named decoder for each syntax, so that a picture does not depend on what else is installed.
_PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)
_JPEG_2000 = (JPEG2000Lossless, JPEG2000)
_LOSSLESS_JPEG = (JPEGLossless, JPEGLosslessSV1)
_JPEG_LS = (JPEGLSLossless, JPEGLSNearLossless)
_NOT_OF_ONE_FRAME = ("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths")
SYNTAXES = {*_PLAIN, RLELossless, *_JPEG, *_JPEG_2000, *_LOSSLESS_JPEG, *_JPEG_LS}
"""Transfer syntaxes that are read."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Values of one frame, and what three of them a pixel are taken as."""

    values: np.ndarray  # (H, W) or (H, W, 3)
    colours: str = RGB
    """RGB or YBR, by what the frame proves, else by the file's label."""
    is_proven: bool = True
    """Not so where a label is all there is, and machines are known to write it wrongly."""
    planes_in_doubt: bool = False
    """Whether they seem to lie otherwise, by pixel or by plane, than the file says."""
    converted: bool = False
    """They are RGB now, and were surely YBR."""


def samples_of(dataset: Dataset, encoded: bytes) -> Samples:
    """The samples of one frame that `dataset` describes, whose bytes are `encoded`.

    Raises
    ------
    UnreadableImage
        If the frame is damaged, or not what the data set says.
    Exception
        Of any kind, where it is malformed.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    label = YBR if dataset.PhotometricInterpretation in ("YBR_FULL", "YBR_FULL_422") else RGB
    if syntax in _PLAIN:
        if dataset.PhotometricInterpretation == "YBR_FULL_422":
            return Samples(values=pixel_array(_alone(dataset, encoded), index=0), converted=True)
        values = _uncompressed(dataset, encoded)
        return Samples(values=values, colours=label, planes_in_doubt=_doubt(dataset, encoded))
    if syntax == RLELossless:
        return Samples(values=_unpacked(dataset, encoded), colours=label)
    codestream = read_codestream(encoded, dataset)
    dataset, limit = _of_precision(dataset, codestream.bits)
    samples = _compressed(dataset, encoded, codestream, label=label)
    if limit and samples.values.max() >= limit:
        raise UnreadableImage(
            "this DICOM file's compressed image has greater values than its header allows; export "
            "it again"
        )
    return samples


def _of_precision(dataset: Dataset, bits: int) -> tuple[Dataset, int]:
    """The data set with as many bits a sample as its compressed image has, and the limit of what
    its header allows, if that is fewer: some programs compress 12 bits as 16."""
    stored = dataset.BitsStored
    if bits == stored:
        return dataset, 0
    if dataset.PixelRepresentation or not stored < bits <= dataset.BitsAllocated:
        raise UnreadableImage(
            f"this DICOM file says {stored} bits per sample, but its compressed image has {bits}; "
            "export it again"
        )
    described = _copied(dataset)
    described.BitsStored, described.HighBit = bits, bits - 1
    return described, 2**stored


def _compressed(dataset: Dataset, encoded: bytes, codestream: Codestream, *, label: str) -> Samples:
    syntax, colours = dataset.file_meta.TransferSyntaxUID, codestream.proven_colours
    if syntax in _JPEG:
        return _of_jpeg(dataset, encoded, codestream, label=label)
    if syntax in _JPEG_2000:
        if dataset.SamplesPerPixel == 3 and dataset.BitsStored > 8:
            raise UnreadableImage(
                "this DICOM file's JPEG 2000 colours have more than 8 bits, which are not "
                "supported; export it with 8 bits"
            )
        values = pixel_array(_alone(dataset, encoded, RGB), index=0, decoding_plugin="pillow")
        is_plain = dataset.PhotometricInterpretation not in ("YBR_RCT", "YBR_ICT")
        return Samples(values=values, colours=colours or label, is_proven=bool(colours) or is_plain)
    if syntax in _LOSSLESS_JPEG:
        if not encoded.rstrip(b"\0").endswith(jpeg.EOI):
            raise UnreadableImage("this DICOM file's JPEG image is incomplete; export it again")
        if codestream.bits == 8 and not dataset.PixelRepresentation:
            return _of_jpeg(dataset, encoded, codestream, label=label)
        encoded = jpeg.without_companions(encoded)  # or GDCM converts by them
    values = decode_in_subprocess(encoded, dataset)
    is_proven = colours == label or syntax in _JPEG_LS
    return Samples(values=values, colours=colours or label, is_proven=is_proven)


def _of_jpeg(dataset: Dataset, encoded: bytes, codestream: Codestream, *, label: str) -> Samples:
    header, colours = codestream.jpeg_header, codestream.proven_colours
    if header.bits != 8 or dataset.PixelRepresentation:
        kind = f"{header.bits} bits" if header.bits != 8 else "values with a sign"
        raise UnreadableImage(
            f"this DICOM file's JPEG image has {kind}, which are not supported; export it with 8 "
            "bits, uncompressed"
        )
    complete = encoded if encoded.rstrip(b"\0").endswith(jpeg.EOI) else encoded + jpeg.EOI
    if len(header.components) == 1:
        return Samples(values=jpeg.decode(complete, header))
    if header.is_subsampled and not header.says_rgb:
        return Samples(values=jpeg.decode(complete, header, colours=YBR), converted=True)
    values = jpeg.decode(complete, header)
    if header.is_subsampled:
        return Samples(values=values, colours=YBR, is_proven=False)
    # Where marker and label contradict each other, neither proves anything.
    return Samples(values=values, colours=colours or label, is_proven=colours == label)


def _uncompressed(dataset: Dataset, frame: bytes) -> np.ndarray:
    """Values as they lie in the file, each moved to where High Bit says that it ends."""
    high, stored = int(dataset.get("HighBit", dataset.BitsStored - 1)), dataset.BitsStored
    if not stored - 1 <= high < dataset.BitsAllocated:
        raise UnreadableImage(
            "this DICOM file's bits (High Bit, Bits Stored) contradict each other; export it again"
        )
    shift = high + 1 - stored
    plain = _alone(dataset, frame, RGB if dataset.SamplesPerPixel == 3 else "")
    if not shift:
        return pixel_array(plain, index=0)
    is_signed = dataset.PixelRepresentation
    plain.BitsStored, plain.HighBit = plain.BitsAllocated, plain.BitsAllocated - 1
    plain.PixelRepresentation = 0
    values = (pixel_array(plain, index=0) >> shift) & (2**stored - 1)
    if not is_signed:
        return values
    return np.where(values < 2 ** (stored - 1), values, values.astype(np.int32) - 2**stored)


def _doubt(dataset: Dataset, frame: bytes) -> bool:
    if dataset.SamplesPerPixel != 3:
        return False
    width, height, by_plane = dataset.Columns, dataset.Rows, bool(dataset.PlanarConfiguration)
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    samples = np.frombuffer(frame, f"{order}u{dataset.BitsAllocated // 8}", 3 * width * height)
    return planes.are_in_doubt(samples, width=width, height=height, by_plane=by_plane)


def _unpacked(dataset: Dataset, encoded: bytes) -> np.ndarray:
    plain = _copied(dataset)
    plain.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if plain.SamplesPerPixel > 1:
        plain.PlanarConfiguration = 1
    return _uncompressed(plain, unpack_run_length(encoded, dataset))


def _alone(dataset: Dataset, frame: bytes, photometric: str = "") -> Dataset:
    """A data set with this frame alone, which pydicom decodes and does not convert if RGB."""
    alone = _copied(dataset)
    alone.NumberOfFrames = 1
    if photometric and alone.SamplesPerPixel == 3:
        alone.PhotometricInterpretation = photometric
    is_compressed = alone.file_meta.TransferSyntaxUID.is_encapsulated
    if is_compressed:
        alone.PlanarConfiguration = 0  # they come by pixel, whatever it says
    alone.PixelData = encapsulate([frame]) if is_compressed else frame + b"\0" * (len(frame) % 2)
    return alone


def _copied(dataset: Dataset) -> Dataset:
    """What describes the pixels, in elements that can be changed: pydicom's own copies share."""
    copied = Dataset()
    for element in dataset:
        if element.VR != "SQ" and element.keyword not in _NOT_OF_ONE_FRAME:
            copied.add(copy(element))
    copied.file_meta = FileMetaDataset()
    copied.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    return copied
