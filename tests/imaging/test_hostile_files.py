"""Whatever bytes come in: a result or one of our two refusals, and nothing else."""

import io
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import examples
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from readerstudy.imaging import ImportRefused, Limits, UnreadableImage, open_source
from readerstudy.imaging.deidentified_image import deidentify_image
from readerstudy.imaging.pixels import decode_rgb
from readerstudy.studies.read_cohort import read_cohort, validate_manifest
from tests.imaging.example_files import (
    build_source,
    dicom_bytes,
    encoded,
    picture,
    region,
    source_files,
    write_zip,
)

LIMITS = Limits(max_pixels=1_000_000)
RGB = {
    "Rows": 40,
    "Columns": 48,
    "SamplesPerPixel": 3,
    "PlanarConfiguration": 0,
    "PhotometricInterpretation": "RGB",
}
IMAGES = (
    *("png", "jpeg", "dicom", "regions", "dicom jpeg", "dicom jpeg 2000"),
    *("palette", "rle", "mono"),
)


@cache
def valid(kind: str) -> bytes:
    """A good image file of this kind."""
    pixels = picture()
    exif = Image.Exif()
    exif[0x0112] = 6
    ybr = RGB | {"PhotometricInterpretation": "YBR_FULL_422"}
    jpeg = encapsulate([encoded(pixels, "JPEG")])
    jpeg2000 = encapsulate([encoded(pixels, "JPEG2000", no_jp2=True)])
    packaged = {"rle": "SC_rgb_rle.dcm", "mono": "MR_small.dcm"}
    if kind in packaged:
        return Path(get_testdata_file(packaged[kind], download=False)).read_bytes()
    return {
        "png": lambda: encoded(pixels, exif=exif),
        "jpeg": lambda: encoded(pixels, "JPEG", exif=exif),
        "dicom": lambda: dicom_bytes(pixels.tobytes(), **RGB),
        "regions": lambda: dicom_bytes(
            pixels.tobytes() * 3,
            **RGB,
            NumberOfFrames=3,
            SequenceOfUltrasoundRegions=[region((0, 0, 40, 50)), region((4, 2, 9, 9), data=2)],
        ),
        "dicom jpeg": lambda: dicom_bytes(jpeg, syntax=JPEGBaseline8Bit, **ybr),
        "dicom jpeg 2000": lambda: dicom_bytes(jpeg2000, syntax=JPEG2000Lossless, **RGB),
        "palette": lambda: examples.get_path("palette_color").read_bytes(),
    }[kind]()


@st.composite
def mutated(draw, data: bytes, *, near: int | None = None) -> bytes:
    """`data` with a few bytes overwritten, removed or put in, mostly within the first `near`."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        last = min(near, len(changed)) if near and draw(st.integers(0, 3)) else len(changed)
        start = draw(st.integers(0, last))
        patch = draw(st.binary(max_size=6))
        removed = len(patch) if draw(st.booleans()) else draw(st.integers(0, 40))
        changed[start : start + removed] = patch
    return bytes(changed[: draw(st.integers(0, len(changed)))] if draw(st.booleans()) else changed)


def decodes_or_refuses(data: bytes, *, frame: int | None = None) -> None:
    try:
        rgb = deidentify_image(data, frame=frame, limits=LIMITS).rgb
    except UnreadableImage as error:
        assert str(error).isprintable()  # noqa: PT017 - either outcome is right
    else:
        assert rgb.dtype == np.uint8
        assert rgb.ndim == 3
        assert rgb.shape[2] == 3


def reads_or_refuses(path: Path) -> None:
    try:
        assert list(read_cohort(path, limits=LIMITS))
    except ImportRefused as refusal:
        assert refusal.problems  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("kind", IMAGES)
def test_the_files_to_mutate_are_good(kind):
    assert decode_rgb(valid(kind), limits=LIMITS).shape[2] == 3


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_random_bytes(data):
    heads = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", bytes(128) + b"DICM"]
    decodes_or_refuses(data.draw(st.sampled_from(heads)) + data.draw(st.binary(max_size=400)))


@pytest.mark.parametrize("kind", IMAGES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_mutated_images(kind, data):
    frame = data.draw(st.sampled_from([None, 1, 1, 0, 2, 10**6]))
    decodes_or_refuses(data.draw(mutated(valid(kind), near=900)), frame=frame)


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_mutated_manifests(data):
    files = source_files(2)
    manifest = data.draw(mutated(files["manifest.csv"]))
    with tempfile.TemporaryDirectory() as folder:
        root = build_source(Path(folder), 2)
        (root / "manifest.csv").write_bytes(manifest)
        try:
            with open_source(root) as source:
                assert validate_manifest(source)
        except ImportRefused as refusal:
            assert all(p.file == "manifest.csv" for p in refusal.problems)  # noqa: PT017


@given(cells=st.lists(st.lists(st.text(max_size=12), max_size=13), max_size=6))
@settings(max_examples=80, deadline=None)
def test_manifests_of_any_text(cells):
    with tempfile.TemporaryDirectory() as folder:
        header = source_files(1)["manifest.csv"].splitlines(keepends=True)[0]
        body = "\n".join(",".join(row) for row in cells).encode("utf-8", "surrogatepass")
        (Path(folder) / "manifest.csv").write_bytes(header + body)
        with pytest.raises(ImportRefused), open_source(folder) as source:
            validate_manifest(source)


@cache
def archive() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_zip(Path(folder) / "s.zip", source_files(1), top="top/").read_bytes()


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_mutated_archives(data):
    good = archive()
    directory = good.index(b"PK\x01\x02")
    turned = good[directory:] + good[:directory]  # so that most changes hit the directory
    changed = data.draw(mutated(turned, near=len(good) - directory))
    at = len(changed) - directory
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.zip"
        path.write_bytes(changed[max(at, 0) :] + changed[: max(at, 0)])
        reads_or_refuses(path)


@given(names=st.lists(st.text(min_size=1, max_size=20), max_size=5))
@settings(max_examples=60, deadline=None)
def test_archives_with_any_names(names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name in dict.fromkeys(names):
            try:
                written.writestr(zipfile.ZipInfo(name), b"x")
            except UnicodeEncodeError:
                continue
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.zip"
        path.write_bytes(file.getvalue())
        with pytest.raises(ImportRefused) as caught:
            list(read_cohort(path))
        assert str(caught.value).encode()
