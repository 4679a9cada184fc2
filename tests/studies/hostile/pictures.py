"""PNG, JPEG and other pictures that are broken, lie, or are something else besides."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from tests.imaging.example_files import encoded, manifest_row, manifest_text, picture
from tests.studies.hostile.archives import good, zipped

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk with its right CRC."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    size = struct.pack(">II", width % 2**32, height % 2**32)
    return chunk(b"IHDR", size + bytes([depth, colour, 0, 0, interlace]))


@st.composite
def made_pngs(draw) -> bytes:
    """A PNG put together by hand: sizes, depths and contents that need not go together."""
    sizes = st.sampled_from([-1, 0, 1, 31, 40, 4096, 4097, 65_536, 2**31 - 1, 2**31])
    depth = draw(st.sampled_from([1, 2, 4, 8, 16, 3, 255]))
    head = header(draw(sizes), draw(sizes), depth, draw(st.sampled_from([0, 2, 3, 4, 6, 1, 7])),
                  draw(st.integers(0, 2)))  # fmt: skip
    body = zlib.compress(bytes(draw(st.sampled_from([0, 10, 5000, 2**20, 20 * 2**20]))))
    extra = draw(st.sampled_from([b"", chunk(b"acTL", struct.pack(">II", 9, 0)),
                                  chunk(b"tRNS", b"\0" * 6), chunk(b"PLTE", b"\1" * 7),
                                  chunk(b"eXIf", b"MM\0*" + b"\xff" * 20)]))  # fmt: skip
    return PNG + head + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@cache
def blank(width: int, height: int, mode: str = "RGB") -> bytes:
    """A great picture of nothing, which packs into little."""
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, "PNG")
    return file.getvalue()


great = st.sampled_from(
    [(4096, 4096, "RGB"), (4096, 4096, "RGBA"), (4096, 4096, "I;16"), (5000, 5000, "L"),
     (16_000_000, 1, "L"), (60_000, 270, "1")]
).map(lambda args: blank(*args))  # fmt: skip


@cache
def text_bomb(kind: str) -> bytes:
    """A PNG whose text or profile unpacks to very much."""
    packed = zlib.compress(bytes(30 * 2**20))
    chunks = {
        "zTXt": chunk(b"zTXt", b"Comment\0\0" + packed),
        "iTXt": chunk(b"iTXt", b"Comment\0\1\0\0\0" + packed),
        "iCCP": chunk(b"iCCP", b"profile\0\0" + packed),
    }
    data = encoded(picture())
    return data[:33] + chunks[kind] + data[33:]


@cache
def of_kind(kind: str) -> bytes:
    """A picture of a kind that is not read, or read with care."""
    pixels = picture()
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    frames = {"save_all": True, "append_images": [image.rotate(90), image.rotate(180)]}
    if kind == "APNG":
        image.save(file, "PNG", **frames)
    elif kind == "GIF":
        image.save(file, "GIF", **frames)
    elif kind == "CMYK":
        image.convert("CMYK").save(file, "JPEG")
    elif kind == "16 bit":
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 256).save(file, "PNG")
    elif kind == "progressive":
        image.save(file, "JPEG", progressive=True)
    elif kind == "EXIF":
        exif = Image.Exif()
        exif[0x0112], exif[0x010E] = 8, "DOE^JANE"
        image.save(file, "JPEG", exif=exif)
    elif kind == "text":
        info = PngImagePlugin.PngInfo()
        info.add_text("Patient", "DOE^JANE")
        image.save(file, "PNG", pnginfo=info)
    elif kind == "palette":
        image.quantize(16).save(file, "PNG", transparency=3)
    elif kind == "tiny":
        image.resize((1, 1)).save(file, "PNG")
    else:
        image.save(file, kind)
    return file.getvalue()


kinds = st.sampled_from(
    ["APNG", "GIF", "CMYK", "16 bit", "progressive", "EXIF", "text", "palette", "tiny", "BMP",
     "TIFF", "WEBP", "PPM", "TGA", "ICO", "PCX", "JPEG2000", "PNG", "JPEG"]
)  # fmt: skip
svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@st.composite
def polyglots(draw) -> bytes:
    """A picture that is something else too."""
    first = of_kind(draw(st.sampled_from(["PNG", "JPEG", "GIF"])))
    other = draw(
        st.sampled_from([good(), svg, b"%PDF-1.7\n", b"<?php ?>", b"MZ" + bytes(64), first])
    )
    return draw(st.sampled_from([first + other, other + first]))


@st.composite
def mutated(draw, data: bytes) -> bytes:
    """A few bytes overwritten, removed or put in; perhaps cut short."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, min(len(changed), draw(st.sampled_from([64, 700, 10**9])))))
        changed[at : at + draw(st.integers(0, 12))] = draw(st.binary(max_size=12))
    cut = draw(st.integers(0, len(changed))) if draw(st.integers(0, 2)) == 0 else len(changed)
    return bytes(changed[:cut])


pictures = st.one_of(
    made_pngs(), great, st.sampled_from(["zTXt", "iTXt", "iCCP"]).map(text_bomb),
    kinds.map(of_kind), polyglots(), kinds.map(of_kind).flatmap(mutated), st.just(svg),
    st.binary(max_size=200),
)  # fmt: skip


@st.composite
def source_with(draw, images) -> bytes:
    """A source of one case with a hostile image, by an honest or dishonest name."""
    name = draw(st.sampled_from(["a.png", "a.jpg", "a.dcm", "a.exe", "a", "a.png.zip", "a.csv"]))
    column, other = draw(st.sampled_from([("bus_file", "cdfi_file"), ("cdfi_file", "bus_file")]))
    row = manifest_row(1, **{column: name, other: "good.png"})
    frame = draw(st.sampled_from(["", "", "1", "2", "999999999"]))
    row |= {column.replace("file", "frame"): frame}
    table = manifest_text([row]).encode()
    return zipped(
        [("manifest.csv", table), (name, draw(images)), ("good.png", encoded(picture(9)))]
    )
