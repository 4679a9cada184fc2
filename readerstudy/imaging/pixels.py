"""One image file as bytes in, plain RGB or grey pixels out; and those out again as a bare PNG."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from readerstudy.imaging.dicom_header import meta_start
from readerstudy.imaging.exif_orientation import upright
from readerstudy.imaging.image_size_limit import check_size
from readerstudy.imaging.picture import Picture
from readerstudy.imaging.piece_limit import FewPieces
from readerstudy.imaging.png import SIGNATURE as PNG_SIGNATURE
from readerstudy.imaging.png import PngParts
from readerstudy.imaging.problems import UnreadableImage
from readerstudy.imaging.source_limits import Limits

if TYPE_CHECKING:
    from readerstudy.imaging.spacing import PixelSize

JPEG_SIGNATURE = b"\xff\xd8\xff"
_DICOM_WITHOUT_HEADER = (b"\x08\0", b"\0\x08")  # a data set's first group, in either byte order

_COMPRESS_LEVEL = 6
_PNG_GREY, _PNG_RGB = 0, 2  # colour types
_GREY_8_BIT = bytes([8, 0])  # bit depth and colour type, at their place in a PNG's first chunk


def decode_rgb(data: bytes, *, frame: int = 1, limits: Limits | None = None) -> np.ndarray:
    """The pixels of `decode_picture`, (H, W, 3) uint8 RGB."""
    return decode_picture(data, frame=frame, limits=limits).rgb


def decode_picture(
    data: bytes, *, frame: int = 1, limits: Limits | None = None, taken_as: str = ""
) -> Picture:
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
    taken_as : str, optional
        RGB or YBR: how to read three samples a pixel, where that is settled already.

    Raises
    ------
    UnreadableImage
        If the file is none of the three, is damaged, too large or too small, has no such frame,
        or is of a kind whose right colours are not known.
    """
    kind, decoder = _kind(data)
    with in_plain_words(kind):
        return decoder(data, frame=frame, limits=limits or Limits(), taken_as=taken_as)


def pixel_size(data: bytes, *, frame: int = 1) -> "PixelSize":
    """The size and shape of a pixel of a DICOM file, where it tells them soundly.

    They are optional, so that malformed ones are as good as none: whether a file is damaged or of
    a kind that is not read is for `decode_picture` to say.
    """
    from readerstudy.imaging.spacing import PixelSize, dicom_pixel_size

    try:
        with in_plain_words("DICOM file"):
            return dicom_pixel_size(data, frame=frame)
    except UnreadableImage:
        return PixelSize(doubt="what it says of its scale is malformed")


def is_dicom(data: bytes) -> bool:
    """Whether `data` is DICOM by its first bytes, as `decode_rgb` tells the formats apart."""
    pictures = data.startswith((PNG_SIGNATURE, JPEG_SIGNATURE))
    return not pictures and meta_start(data) is not None


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
        parts = PngParts(data)
        with Image.open(FewPieces(parts.picture), formats=("PNG",)) as image:
            _check_still(image, limits=limits or Limits())
            parts.require_all_rows()
            header = data[12:16] == b"IHDR" and data[24:26] == _GREY_8_BIT
            if not header or image.mode != "L" or image.has_transparency_data:
                raise UnreadableImage(
                    "this PNG is not 8-bit greyscale (one channel, no palette, no "
                    "transparency); save it as that"
                )
            return np.array(image)


def stretched(rgb: np.ndarray, *, height: float) -> np.ndarray:
    """A picture of oblong pixels with square ones: made larger one way, never smaller.

    Parameters
    ----------
    rgb : numpy.ndarray, shape (H, W, 3), uint8
    height : float
        Of a pixel, its width being 1.
    """
    across, down = max(1 / height, 1.0), max(height, 1.0)
    size = round(rgb.shape[1] * across), round(rgb.shape[0] * down)
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))


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
        return "JPEG", _decode_jpeg
    if is_dicom(data):
        return "DICOM file", _decode_dicom
    if data.startswith(_DICOM_WITHOUT_HEADER):
        raise UnreadableImage(
            "this seems to be a DICOM file without its header (preamble and meta information); "
            "export it again"
        )
    what = "not a PNG, JPEG or DICOM file" if data else "an empty file"
    raise UnreadableImage(f"this is {what}; export the image as PNG, JPEG or DICOM")


def _decode_dicom(data: bytes, **options) -> Picture:
    # Here, since pydicom brings every decoder along, and the web process reads PNG alone.
    from readerstudy.imaging.dicom import decode_dicom

    return decode_dicom(data, **options)


def _decode_png(data: bytes, *, frame: int, limits: Limits, taken_as: str) -> Picture:
    _check_frame(frame)
    parts = PngParts(data)
    with Image.open(FewPieces(parts.picture), formats=("PNG",)) as image:
        _check_still(image, limits=limits)
        parts.require_all_rows()
        if image.mode == "P" and image.getextrema()[1] >= len(image.getpalette() or ()) // 3:
            raise UnreadableImage("this PNG has colours that its palette lacks; export it again")
        _scale_transparent_grey(image, depth=data[24], kind=data[25])
        rgb = _to_rgb(image)
    return upright(Picture(rgb=rgb, pixel_height=parts.pixel_height), parts.exif)


def _scale_transparent_grey(image: Image.Image, *, depth: int, kind: int) -> None:
    """The value that is transparent, on the scale on which Pillow has the pixels."""
    transparent = image.info.get("transparency")
    if kind == _PNG_RGB and depth == 16 and transparent is not None:
        raise UnreadableImage(
            "this PNG has one transparent colour of 16 bits, which is not supported; export it "
            "without transparency"
        )
    if kind == _PNG_GREY and depth in (2, 4) and transparent is not None:
        image.info["transparency"] = transparent * 255 // (2**depth - 1)


def _decode_jpeg(data: bytes, *, frame: int, limits: Limits, taken_as: str) -> Picture:
    from readerstudy.imaging.jpeg_picture import decode_jpeg  # as above

    _check_frame(frame)
    return decode_jpeg(data, limits=limits, taken_as=taken_as)


def _check_frame(frame: int) -> None:
    if frame != 1:
        raise UnreadableImage(f"there is no frame {frame}: only DICOM files have frames")


def _check_still(image: Image.Image, *, limits: Limits) -> None:
    check_size(image.width, image.height, limits=limits)
    if getattr(image, "n_frames", 1) > 1:
        raise UnreadableImage("this file holds several images; export a single still image")


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
