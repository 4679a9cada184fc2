"""DICOM files with broken headers, lying lengths and odd syntaxes."""

import zlib
from functools import cache

from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID

from tests.imaging.example_files import dicom_bytes, encoded, picture
from tests.studies.hostile.pictures import mutated, of_kind

RGB = {
    "Rows": 40, "Columns": 48, "SamplesPerPixel": 3, "PlanarConfiguration": 0,
    "PhotometricInterpretation": "RGB",
}  # fmt: skip
EXPLICIT, IMPLICIT, BIG, DEFLATED = (
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
)  # fmt: skip
COMPRESSED = (
    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.100",
    "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.201",
)  # fmt: skip


@cache
def plain() -> bytes:
    return dicom_bytes(picture().tobytes(), **RGB)


@cache
def clip() -> bytes:
    return dicom_bytes(picture().tobytes() * 3, NumberOfFrames=3, **RGB)


@st.composite
def lying(draw) -> bytes:
    """Sizes, depths and colours that the pixels do not have."""
    words = st.sampled_from([0, 1, 2, 3, 4, 7, 8, 12, 16, 31, 32, 40, 48, 64, 4096, 65_535])
    changed = draw(
        st.dictionaries(
            st.sampled_from(
                ["Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "BitsAllocated",
                 "BitsStored", "PixelRepresentation"]
            ),
            words, max_size=3,
        )
    )  # fmt: skip
    if draw(st.booleans()):
        changed["NumberOfFrames"] = draw(st.sampled_from([-1, 0, 1, 2, 1000, 2**31 - 1]))
    if draw(st.booleans()):
        changed["PhotometricInterpretation"] = draw(
            st.sampled_from(["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "YBR_FULL",
                             "YBR_FULL_422", "YBR_ICT", "HSV", "ARGB", ""])
        )  # fmt: skip
    pixels = draw(st.sampled_from([picture().tobytes(), b"", b"\0", bytes(70_000)]))
    if changed.get("BitsStored") == 0:
        changed["BitsStored"] = 1
    return dicom_bytes(pixels, **RGB | changed)


@st.composite
def odd_syntax(draw) -> bytes:
    """A data set in one syntax that claims another."""
    claimed = draw(
        st.sampled_from([EXPLICIT, IMPLICIT, BIG, DEFLATED, *COMPRESSED, "1.2.3.4", "9" * 64])
    )
    data = plain()
    old = EXPLICIT.encode() + b"\0"
    new = claimed.encode()[:64]
    new += b"\0" * (len(new) % 2)
    at = data.index(old[:-1])
    length = int.from_bytes(data[at - 2 : at], "little")
    return data[: at - 2] + len(new).to_bytes(2, "little") + new + data[at + length :]


@st.composite
def encapsulated(draw) -> bytes:
    """Compressed frames that are damaged, of another kind, or not there."""
    frame = draw(
        st.sampled_from(
            [of_kind("JPEG"), of_kind("PNG"), of_kind("JPEG2000"), b"", b"\xff\xd8\xff\xd9"]
        )
        | st.binary(max_size=100)
    )
    packed = encapsulate([draw(mutated(frame)) or b"\0\0"])
    changed = {"PhotometricInterpretation": draw(st.sampled_from(["RGB", "YBR_FULL_422"]))}
    # Not the JPEG-LS and lossless ones each time: each such frame costs a process.
    syntax = draw(
        st.sampled_from([*COMPRESSED, "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"])
    )
    data = dicom_bytes(packed, syntax=UID(syntax), **RGB | changed)
    return draw(mutated(data)) if draw(st.booleans()) else data


@cache
def deflate_bomb(mebibytes: int) -> bytes:
    """A deflated data set that unpacks to very much."""
    data = plain()
    at = data.index(EXPLICIT.encode())
    group_end = data.index(b"\x08\x00", at)  # the first element after the file's own group
    meta = data[:group_end].replace(EXPLICIT.encode() + b"\0", DEFLATED.encode())
    packer = zlib.compressobj(wbits=-15)
    return meta + packer.compress(bytes(mebibytes * 2**20)) + packer.flush()


@st.composite
def regions(draw) -> bytes:
    """Ultrasound regions beyond the image, turned about, or without sense."""
    numbers = st.sampled_from([-(2**31), -1, 0, 5, 39, 47, 48, 10_000, 2**31 - 1])
    found = []
    for _ in range(draw(st.integers(1, 3))):
        region = Dataset()
        for side in ("MinX0", "MinY0", "MaxX1", "MaxY1"):
            setattr(region, f"RegionLocation{side}", abs(draw(numbers)) % 2**32)
        region.RegionSpatialFormat = draw(st.integers(0, 6))
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = draw(st.integers(0, 12))
        region.PhysicalDeltaX = region.PhysicalDeltaY = draw(
            st.sampled_from([0.0, -1.0, 0.01, 1e300])
        )
        found.append(region)
    return dicom_bytes(picture().tobytes(), SequenceOfUltrasoundRegions=Sequence(found), **RGB)


@cache
def private() -> bytes:
    """Private elements with text, and a sequence within a sequence within …"""
    inner = Dataset()
    for _ in range(60):
        outer = Dataset()
        outer.ReferencedImageSequence = Sequence([inner])
        inner = outer
    return dicom_bytes(
        picture().tobytes(), ReferencedImageSequence=Sequence([inner]),
        ImageComments="DOE^JANE" * 500, **RGB,
    )  # fmt: skip


lengths = st.sampled_from([b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\0\0\0\0", b"\x01\0\0\x80"])


@st.composite
def wrong_length(draw) -> bytes:
    """A length in the header that is not so."""
    data = bytearray(plain())
    at = draw(st.integers(132, min(len(data), 900)))
    data[at : at + 4] = draw(lengths)
    return bytes(data)


dicoms = st.one_of(
    lying(), odd_syntax(), encapsulated(), regions(), wrong_length(),
    st.sampled_from([1, 30]).map(deflate_bomb), st.builds(private),
    st.builds(plain).flatmap(mutated), st.builds(clip).flatmap(mutated),
    st.binary(max_size=300).map(lambda data: bytes(128) + b"DICM" + data),
    st.just(encoded(picture())).map(lambda png: bytes(128) + b"DICM" + png),
)  # fmt: skip
