"""One image file as bytes in, plain RGB or grey pixels out; and those out again as a bare PNG."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

from readerstudy.imaging.image_size_limit import check_size
from readerstudy.imaging.piece_limit import MOST, FewPieces, check_scans, too_many_pieces
from readerstudy.imaging.problems import UnreadableImage
from readerstudy.imaging.source_limits import Limits

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
DICOM_PREAMBLE_BYTES = 128

_COMPRESS_LEVEL = 6
_GREY_8_BIT = bytes([8, 0])  # bit depth and colour type, at their place in a PNG's first chunk


def decode_rgb(data: bytes, *, frame: int = 1, limits: Limits | None = None) -> np.ndarray:
    """The pixels of a PNG, JPEG or DICOM file, told apart by content.

    EXIF orientation is applied, transparency laid on black, 16 bits reduced to the upper 8.
    Colour profiles are not applied. See `decode_dicom` for what is done with a DICOM file.

    Parameters
    ----------
    data : bytes
        The whole file.
    frame : int
        Which frame of a multi-frame DICOM file to take, counted from 1. Only it is decoded.
    limits : Limits, optional
        Bounds on the image's size, checked before its pixels are decoded.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), uint8
        RGB.

    Raises
    ------
    UnreadableImage
        If the file is none of the three, is damaged, too large or too small, has no such frame,
        or is of a kind whose right colours are not known.
    """
    kind, decoder = _kind(data)
    with in_plain_words(kind):
        return decoder(data, frame=frame, limits=limits or Limits())


def mm_per_pixel(data: bytes) -> float | None:
    """Millimetres per pixel, where the file is DICOM and tells it soundly; else None.

    It is optional, so that a malformed one is as good as none: whether a file is damaged or of a
    kind that is not read is for `decode_rgb` to say.

    Raises
    ------
    UnreadableImage
        If the file is no PNG, JPEG or DICOM.
    """
    kind, decoder = _kind(data)
    if decoder is not _decode_dicom:
        return None
    from readerstudy.imaging.spacing import dicom_mm_per_pixel

    try:
        with in_plain_words(kind):
            return dicom_mm_per_pixel(data)
    except UnreadableImage:
        return None


def is_dicom(data: bytes) -> bool:
    """Whether `data` is DICOM by its first bytes, as `decode_rgb` tells the formats apart."""
    pictures = data.startswith((PNG_SIGNATURE, JPEG_SIGNATURE))
    return not pictures and data[DICOM_PREAMBLE_BYTES : DICOM_PREAMBLE_BYTES + 4] == b"DICM"


def decode_grey_png(data: bytes, *, limits: Limits | None = None) -> np.ndarray:
    """The pixels of a PNG that is 8-bit greyscale already; nothing is converted.

    Parameters
    ----------
    data : bytes
        The whole file.
    limits : Limits, optional
        Bounds on the image's size, checked before its pixels are decoded.

    Returns
    -------
    numpy.ndarray, shape (H, W), uint8

    Raises
    ------
    UnreadableImage
        If the file is no PNG, or one with colours, transparency or other than 8 bits, or is
        damaged, too large or too small.
    """
    if not data.startswith(PNG_SIGNATURE):
        raise UnreadableImage("this is not a PNG file; save it as PNG, 8-bit greyscale")
    with in_plain_words("PNG"):
        _require_end(data)
        with Image.open(FewPieces(data), formats=("PNG",)) as image:
            _check_still(image, limits=limits or Limits())
            header = data[12:16] == b"IHDR" and data[24:26] == _GREY_8_BIT
            if not header or image.mode != "L" or image.has_transparency_data:
                raise UnreadableImage(
                    "this PNG is not 8-bit greyscale (one channel, no palette, no "
                    "transparency); save it as that"
                )
            return np.array(image)


def encode_png(rgb: np.ndarray) -> bytes:
    """A PNG of these pixels, without any metadata: its chunks are IHDR, IDAT and IEND alone.

    Equal pixels give equal bytes.

    Parameters
    ----------
    rgb : numpy.ndarray, shape (H, W, 3), uint8

    Raises
    ------
    ValueError
        If the array is of another shape or type.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"an RGB image is (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
    return _bare_png(rgb)


def encode_grey_png(grey: np.ndarray) -> bytes:
    """As `encode_png`, of brightness (H, W) uint8."""
    if grey.ndim != 2 or grey.dtype != np.uint8:
        raise ValueError(f"a grey image is (H, W) uint8, not {grey.shape} {grey.dtype}")
    return _bare_png(grey)


def _bare_png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=_COMPRESS_LEVEL)
    return file.getvalue()


@contextmanager
def in_plain_words(kind: str) -> Iterator[None]:
    """Context: whatever a decoder raises in the block becomes an UnreadableImage."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of every oddity; pydicom's quote the file's values
            yield
    except UnreadableImage:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise UnreadableImage(f"this {kind} is too large to decode; export it smaller") from error
    except Exception as error:  # broad on purpose: a hostile file makes decoders raise anything
        message = f"this {kind} is damaged, incomplete or malformed; export it again"
        raise UnreadableImage(message) from error


def _kind(data: bytes):
    """(name of the format, its decoder), by the file's first bytes."""
    if data.startswith(PNG_SIGNATURE):
        return "PNG", _decode_png
    if data.startswith(JPEG_SIGNATURE):
        return "JPEG", _decode_picture
    if is_dicom(data):
        return "DICOM file", _decode_dicom
    what = "not a PNG, JPEG or DICOM file" if data else "an empty file"
    raise UnreadableImage(f"this is {what}; export the image as PNG, JPEG or DICOM")


def _decode_dicom(data: bytes, *, frame: int, limits: Limits) -> np.ndarray:
    # Here, since pydicom brings every decoder along, and the web process reads PNG alone.
    from readerstudy.imaging.dicom import decode_dicom

    return decode_dicom(data, frame=frame, limits=limits)


def _decode_png(data: bytes, *, frame: int, limits: Limits) -> np.ndarray:
    _require_end(data)
    return _decode_picture(data, frame=frame, limits=limits)


def _require_end(data: bytes) -> None:
    # Pillow forgives a missing end; a file cut short may lack more than that.
    position = len(PNG_SIGNATURE)
    for _chunk in range(MOST):
        if data[position + 4 : position + 8] == b"IEND":
            return
        position += 12 + int.from_bytes(data[position : position + 4])
        if position >= len(data):
            raise UnreadableImage("this PNG is incomplete; copy or export it again")
    raise too_many_pieces()


def _check_still(image: Image.Image, *, limits: Limits) -> None:
    check_size(image.width, image.height, limits=limits)
    if getattr(image, "n_frames", 1) > 1:
        raise UnreadableImage("this file holds several images; export a single still image")


def _decode_picture(data: bytes, *, frame: int, limits: Limits) -> np.ndarray:
    """A PNG or JPEG by Pillow, whose own limits bound compressed text within the file."""
    if data.startswith(JPEG_SIGNATURE):
        check_scans(data)
    with Image.open(FewPieces(data), formats=("PNG", "JPEG")) as image:
        _check_still(image, limits=limits)
        if frame != 1:
            raise UnreadableImage(f"there is no frame {frame}: only DICOM files have frames")
        if image.mode == "CMYK":
            raise UnreadableImage("this JPEG is in CMYK, a print colour space; export it as RGB")
        return _to_rgb(ImageOps.exif_transpose(image))


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):
        return _grey16_to_rgb(image)
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"))
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return np.array(Image.alpha_composite(black, image.convert("RGBA")).convert("RGB"))


def _grey16_to_rgb(image: Image.Image) -> np.ndarray:
    values = np.array(image)
    if (transparent := image.info.get("transparency")) is not None:
        values[values == transparent] = 0
    grey = (values >> 8).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=2)
