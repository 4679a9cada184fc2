"""What a compressed DICOM frame says of itself, compared with its DICOM header.

The header's size has been checked against the limits; the compressed data could claim another
and have a decoder take memory for that.
"""

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000TransferSyntaxes

from readerstudy.imaging import jpeg
from readerstudy.imaging.jpeg_2000 import read_jpeg_2000
from readerstudy.imaging.piece_limit import check_scans
from readerstudy.imaging.problems import UnreadableImage

_SECOND_IMAGE = re.compile(rb"\xff\xd9\0*\xff\xd8\xff")


@dataclass(frozen=True, kw_only=True)
class Codestream:
    """What a compressed frame says of its colours."""

    proven_colours: str = ""
    """What its samples are once decoded: RGB or YBR; "" where nothing in it says so."""
    bits: int
    """Of a sample."""
    jpeg_header: jpeg.JpegHeader | None = None


def read_codestream(encoded: bytes, dataset: Dataset) -> Codestream:
    """Look over a compressed frame before it is decoded.

    Raises
    ------
    UnreadableImage
        If its size or channels are not those of the DICOM header, or it is in more parts than any
        real one.
    struct.error, IndexError
        If the frame is malformed.
    """
    header = None
    if dataset.file_meta.TransferSyntaxUID in JPEG2000TransferSyntaxes:
        size, channels, bits, colours = read_jpeg_2000(encoded)
    else:
        if not encoded.startswith(jpeg.SOI):
            raise UnreadableImage(
                "this DICOM file says that its image is JPEG, but it is not; export it again"
            )
        check_scans(encoded)
        header = jpeg.read_header(encoded)
        size, channels = (header.width, header.height), len(header.components)
        bits, colours = header.bits, header.proven_colours
        if _SECOND_IMAGE.search(encoded):
            raise UnreadableImage(
                "this DICOM file has several JPEG images in the place of one; export it again"
            )
    if size != (dataset.Columns, dataset.Rows):
        width, height = size
        raise UnreadableImage(
            f"this DICOM file says {dataset.Columns} by {dataset.Rows} pixels, but its "
            f"compressed image has {width} by {height}; export it again"
        )
    if channels != dataset.SamplesPerPixel:
        raise UnreadableImage(
            f"this DICOM file says {dataset.SamplesPerPixel} samples per pixel, but its "
            f"compressed image has {channels}; export it again"
        )
    return Codestream(proven_colours=colours, bits=bits, jpeg_header=header)
