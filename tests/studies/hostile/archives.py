"""Archives that no honest person sends."""

import io
import stat
import warnings
import zipfile
from functools import cache

from hypothesis import strategies as st

from tests.imaging.example_files import source_files

NAMES = (
    "../escaped.png", "a/../../escaped.png", "/etc/passwd", "C:\\windows\\x.png", "..\\x.png",
    "\\\\server\\share\\x.png", "./x.png", "a//b.png", "images/", "images", "~/x", "con", "x" * 300,
    "manifest.csv/x", "MANIFEST.CSV", "images/case-001_bus.png/", "\u202egnp.x", "e\u0301.png",
    "\U0001f480.png", "a" * 1500, "x/" * 400 + "y", "", " ", ".", "..", "__MACOSX/x", "x\ny.png",
)  # fmt: skip
MIB = 2**20


def zipped(entries, method=zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of (name or ZipInfo, bytes) pairs, double names and all."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


@cache
def files() -> tuple[tuple[str, bytes], ...]:
    """A good source of one case."""
    return tuple(source_files(1).items())


@cache
def good() -> bytes:
    return zipped(files())


@st.composite
def with_names(draw) -> bytes:
    """One more file, or one instead of another, by a name that leads elsewhere."""
    name = draw(st.sampled_from(NAMES) | st.text(st.characters(codec="utf-8"), max_size=60))
    entries = list(files())
    if draw(st.booleans()):
        entries.append((name or "x", b"x"))
    else:
        at = draw(st.integers(0, len(entries) - 1))
        entries[at] = (name or "x", entries[at][1])
    return zipped(entries)


@st.composite
def doubled(draw) -> bytes:
    chosen = draw(st.lists(st.sampled_from(files()), min_size=1, max_size=3))
    return zipped([*files(), *chosen])


@st.composite
def bombs(draw) -> bytes:
    """Much in little: as the manifest, as an image, or beside them."""
    name = draw(st.sampled_from([*dict(files()), "more.bin"]))
    filler = draw(st.sampled_from([b"\0", b"a", b",", b"\n", b'"', b"a,b\n"]))
    size = draw(st.sampled_from([1, 3, 12, 40])) * MIB
    return zipped(
        [*(pair for pair in files() if pair[0] != name), (name, filler * (size // len(filler)))]
    )


@st.composite
def special(draw) -> bytes:
    """Links, devices and pipes where a file should be."""
    kind = draw(st.sampled_from([stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR]))
    at = draw(st.integers(0, len(files()) - 1))
    entries = list(files())
    info = zipfile.ZipInfo(entries[at][0])
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    target = draw(st.sampled_from([b"/etc/passwd", b"../../secret", b"", entries[at][1]]))
    entries[at] = (info, target)
    return zipped(entries)


@st.composite
def flagged(draw) -> bytes:
    """Flags and methods changed in the directory, and perhaps in the files' own headers."""
    data = bytearray(good())
    value = draw(st.integers(0, 0xFFFF))
    signature, offset = draw(
        st.sampled_from(
            [(b"PK\x01\x02", 8), (b"PK\x01\x02", 10), (b"PK\x03\x04", 6), (b"PK\x03\x04", 8)]
        )
    )
    at = 0
    while (at := data.find(signature, at)) >= 0:
        data[at + offset : at + offset + 2] = value.to_bytes(2, "little")
        at += 4
    return bytes(data)


@st.composite
def lying(draw) -> bytes:
    """CRCs, sizes and offsets of the directory that are not so."""
    data = bytearray(good())
    entries = [at for at in range(len(data)) if data[at : at + 4] == b"PK\x01\x02"]
    at = draw(st.sampled_from(entries))
    offset = draw(st.sampled_from([16, 20, 24, 28, 30, 32, 42]))
    data[at + offset : at + offset + 4] = draw(st.integers(0, 2**32 - 1)).to_bytes(4, "little")
    return bytes(data)


@st.composite
def broken(draw) -> bytes:
    """Cut short, with bytes overwritten, or with something before or behind."""
    data = bytearray(good())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 20))] = draw(st.binary(max_size=20))
    cut = draw(st.integers(0, len(data))) if draw(st.booleans()) else len(data)
    before, behind = draw(st.tuples(st.binary(max_size=50), st.binary(max_size=50)))
    return before + bytes(data[:cut]) + behind


@st.composite
def crowded(draw) -> bytes:
    """Thousands of files, or folders, or archives inside the archive."""
    count = draw(st.sampled_from([300, 3000]))
    suffix = draw(st.sampled_from([".png", "/", "/x"]))
    return zipped([*files(), *((f"more-{n}{suffix}", b"") for n in range(count))])


@st.composite
def nested(draw) -> bytes:
    at = draw(st.integers(0, len(files()) - 1))
    entries = list(files())
    inside = good()
    for _ in range(draw(st.integers(0, 3))):
        inside = zipped([("inner.zip", inside)])
    entries[at] = (entries[at][0], inside)
    return zipped(entries)


@st.composite
def odd_methods(draw) -> bytes:
    return zipped(files(), draw(st.sampled_from([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])))


no_archives = st.binary(min_size=1, max_size=300) | st.sampled_from(
    [b"PK", b"PK\x05\x06" + bytes(18), b"Rar!\x1a\x07\x00", b"7z\xbc\xaf\x27\x1c",
     b"\x1f\x8b\x08" + bytes(20), b"PK\x05\x06" + b"\xff" * 18, b"<html></html>", b"%PDF-1.7\n",
     b"\0" * 1000]
)  # fmt: skip
archives = st.one_of(
    with_names(), doubled(), bombs(), special(), flagged(), lying(), broken(), crowded(), nested(),
    odd_methods(), no_archives,
)  # fmt: skip
