"""PNG and JPEG in, bare PNG out."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from readerstudy.imaging import Limits, UnreadableImage
from readerstudy.imaging.pixels import decode_rgb, encode_png
from tests.imaging.example_files import encoded, picture

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXELS = picture()


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """(type, body) of every chunk, read without Pillow; the file must end with the last."""
    assert png.startswith(SIGNATURE)
    position, found = len(SIGNATURE), []
    while position < len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        found.append((kind, png[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, depth: int, colour: int, raw: bytes, extra: bytes = b""):
    """A PNG written by hand, its scan lines `raw` with filter bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw))
    return SIGNATURE + body + chunk(b"IEND", b"")


def scan_lines(values: np.ndarray) -> bytes:
    """Scan lines of big-endian `values` with filter 0."""
    return b"".join(b"\0" + line.tobytes() for line in values)


def refused(data: bytes, **options) -> str:
    with pytest.raises(UnreadableImage) as caught:
        decode_rgb(data, **options)
    return str(caught.value)


def test_png_comes_back_exactly():
    assert np.array_equal(decode_rgb(encoded(PIXELS)), PIXELS)


def test_jpeg_is_as_its_encoder_meant():
    rgb = decode_rgb(encoded(PIXELS, "JPEG", quality=95))
    assert rgb.dtype == np.uint8
    assert np.abs(rgb.astype(int) - PIXELS).mean() < 4


def test_grey_images_become_three_equal_planes():
    grey = PIXELS[..., 0]
    for kind in ("PNG", "JPEG"):
        rgb = decode_rgb(encoded(grey, kind, **({"quality": 95} if kind == "JPEG" else {})))
        assert rgb.shape == PIXELS.shape
        assert np.abs(rgb.astype(int) - grey[..., None]).mean() < (2 if kind == "JPEG" else 1e-9)


def test_bilevel_palette_and_palette_transparency():
    bilevel = Image.fromarray(PIXELS[..., 0]).convert("1", dither=Image.Dither.NONE)
    file = io.BytesIO()
    bilevel.save(file, "PNG")
    assert np.array_equal(
        decode_rgb(file.getvalue())[..., 1], np.where(PIXELS[..., 0] >= 128, 255, 0)
    )
    indices = (np.arange(40 * 48).reshape(40, 48) % 4).astype(np.uint8)
    colours = np.array([[9, 8, 7], [250, 1, 2], [3, 240, 5], [6, 7, 230]], np.uint8)
    paletted = Image.fromarray(indices, "P")
    paletted.putpalette(colours.tobytes())
    for options, black in (({}, []), ({"transparency": 1}, [1])):
        file = io.BytesIO()
        paletted.save(file, "PNG", **options)
        expected = colours.copy()
        expected[black] = 0
        assert np.array_equal(decode_rgb(file.getvalue()), expected[indices])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_black(mode):
    colour = PIXELS if mode == "RGBA" else PIXELS[..., :1]
    alpha = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (40, 1))
    file = io.BytesIO()
    Image.fromarray(np.dstack([colour, alpha]), mode).save(file, "PNG")
    expected = np.broadcast_to(colour * (alpha[..., None] / 255), PIXELS.shape)
    assert np.abs(decode_rgb(file.getvalue()) - expected).max() <= 1


def test_16_bit_grey_keeps_its_upper_8_bits():
    values = np.linspace(0, 65535, 40 * 48).astype(">u2").reshape(40, 48)
    data = png(48, 40, depth=16, colour=0, raw=scan_lines(values))
    expected = (values // 256).astype(np.uint8)
    assert np.array_equal(decode_rgb(data), np.dstack([expected] * 3))
    transparent = png(
        48, 40, depth=16, colour=0, raw=scan_lines(values), extra=chunk(b"tRNS", b"\xff\xff")
    )
    expected[values == 65535] = 0
    assert np.array_equal(decode_rgb(transparent)[..., 0], expected)


def test_16_bit_colour_keeps_its_upper_8_bits():
    values = (PIXELS.astype(np.uint16) * 256 + 77).astype(">u2")
    data = png(48, 40, depth=16, colour=2, raw=scan_lines(values))
    assert np.array_equal(decode_rgb(data), PIXELS)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_orientation_is_applied_then_dropped(kind, orientation):
    turned = {
        1: PIXELS,
        2: PIXELS[:, ::-1],
        3: PIXELS[::-1, ::-1],
        4: PIXELS[::-1],
        5: PIXELS.transpose(1, 0, 2),
        6: np.rot90(PIXELS, -1),
        7: PIXELS[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(PIXELS),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "SECRET"
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    data = encoded(PIXELS, kind, exif=exif, **options)
    assert b"SECRET" in data
    rgb = decode_rgb(data)
    assert rgb.shape == turned.shape
    assert np.abs(rgb.astype(int) - turned).mean() < 3
    assert b"SECRET" not in encode_png(rgb)


def test_encoded_png_is_bare_exact_and_repeatable():
    data = encode_png(PIXELS)
    assert [kind for kind, _ in chunks(data)] == [b"IHDR", b"IDAT", b"IEND"]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), PIXELS)
    assert encode_png(PIXELS.copy(order="F")) == data
    big = encode_png(np.random.default_rng(0).integers(0, 256, (400, 500, 3), np.uint8))
    assert {kind for kind, _ in chunks(big)} == {b"IHDR", b"IDAT", b"IEND"}


def test_no_metadata_survives():
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", "SECRET")
    text.add_text("Zipped", "SECRET" * 50, zip=True)
    text.add_itxt("International", "SECRET")
    options = {"icc_profile": b"SECRET" * 9, "dpi": (72, 72), "exif": exif}
    dirty = encoded(PIXELS, pnginfo=text, **options) + b"SECRET after the end"
    kinds = {kind for kind, _ in chunks(dirty[: dirty.rindex(b"SECRET")])}
    assert kinds >= {b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"pHYs", b"eXIf"}
    assert encode_png(decode_rgb(dirty)) == encode_png(PIXELS)
    jpeg = encoded(PIXELS, "JPEG", comment=b"SECRET", icc_profile=b"SECRET")
    bare = encode_png(decode_rgb(jpeg + b"SECRET"))
    assert bare == encode_png(decode_rgb(encoded(PIXELS, "JPEG")))
    assert [kind for kind, _ in chunks(bare)] == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize(
    "array", [PIXELS[..., 0], PIXELS[..., :2], PIXELS.astype(float), PIXELS[None]]
)
def test_encodes_nothing_but_rgb(array):
    with pytest.raises(ValueError, match="uint8"):
        encode_png(array)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_refuses_other_formats(kind):
    assert "not a PNG, JPEG or DICOM file" in refused(encoded(PIXELS, kind))


@pytest.mark.parametrize("data", [b"\0" * 200, b"<svg/>", b"%PDF-1.7"])
def test_refuses_what_is_no_image(data):
    assert "not a PNG" in refused(data)


def test_refuses_an_empty_file():
    assert "empty" in refused(b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_refuses_truncated_files(kind, part):
    data = encoded(PIXELS, kind)
    assert "incomplete" in refused(data[: int(len(data) * part)])


def test_refuses_a_png_without_its_end():
    assert "incomplete" in refused(encoded(PIXELS)[:-12])


def test_refuses_a_damaged_png():
    data = bytearray(encoded(PIXELS))
    data[len(data) // 2] ^= 0xFF
    assert "damaged" in refused(bytes(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_bounds_the_size(kind):
    assert "31 by 40 pixels is too small" in refused(encoded(picture(width=31), kind))
    assert decode_rgb(encoded(picture(width=32, height=32), kind)).shape == (32, 32, 3)
    data = encoded(PIXELS, kind)
    assert decode_rgb(data, limits=Limits(max_pixels=48 * 40)).shape == (40, 48, 3)
    assert "48 by 40 pixels is too large" in refused(data, limits=Limits(max_pixels=48 * 40 - 1))


@pytest.mark.parametrize("side", [5000, 12_000, 60_000])
def test_refuses_a_pixel_bomb_by_its_header(side):
    bomb = png(side, side, depth=8, colour=2, raw=bytes(1000))
    assert "too large" in refused(bomb)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_refuses_or_skips_a_text_bomb(kind, place, monkeypatch):
    heads = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}
    bomb = chunk(kind, heads[kind] + zlib.compress(bytes(8 * 2**20)))
    data = encoded(PIXELS)
    at = data.index(b"IDAT" if place == "before" else b"IEND") - 4
    largest = 0
    original = PngImagePlugin._safe_zlib_decompress

    def measured(packed):
        nonlocal largest
        unpacked = original(packed)
        largest = max(largest, len(unpacked))
        return unpacked

    monkeypatch.setattr(PngImagePlugin, "_safe_zlib_decompress", measured)
    try:
        assert np.array_equal(decode_rgb(data[:at] + bomb + data[at:]), PIXELS)
    except UnreadableImage as error:
        assert "damaged" in str(error)  # noqa: PT017 - either outcome is right
    assert largest <= 2**20


def test_refuses_several_pictures_in_one_file():
    file = io.BytesIO()
    first, second = Image.fromarray(PIXELS), Image.fromarray(picture(5))
    first.save(file, "PNG", save_all=True, append_images=[second])
    assert "several images" in refused(file.getvalue())
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[second])
    assert file.getvalue().startswith(b"\xff\xd8\xff")
    assert "several images" in refused(file.getvalue())


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_only_dicom_has_frames(kind):
    assert "no frame 2" in refused(encoded(PIXELS, kind), frame=2)


def test_refuses_cmyk():
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert("CMYK").save(file, "JPEG")
    assert "CMYK" in refused(file.getvalue())
