"""The size of a pixel: from the manifest, or from DICOM where it is beyond doubt."""

import pytest
from pydicom.dataset import Dataset

from readerstudy.imaging import ImportRefused, UnreadableImage
from readerstudy.imaging.pixels import decode_rgb, encode_png, pixel_size
from readerstudy.studies import cohort_import
from readerstudy.studies.models import Cohort, Image, Study
from readerstudy.studies.read_cohort import read_cohort
from tests.imaging.example_files import (
    dicom_bytes,
    picture,
    source_files,
    write_folder,
)

RGB = {"Rows": 40, "Columns": 48, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
RGB |= {"PlanarConfiguration": 0}
TWO_DIMENSIONAL, SPECTRAL = 1, 3
CENTIMETRES, SECONDS = 3, 4


def region(x: float = 0.0085, y: float = 0.0085, *, kind=TWO_DIMENSIONAL, unit=CENTIMETRES):
    """An ultrasound region with these deltas, in its unit per pixel."""
    item = Dataset()
    item.RegionSpatialFormat = kind
    item.PhysicalUnitsXDirection = unit
    item.PhysicalUnitsYDirection = CENTIMETRES
    item.PhysicalDeltaX, item.PhysicalDeltaY = x, y
    return item


def ultrasound(*regions: Dataset, **elements) -> bytes:
    """A DICOM file with these regions."""
    if regions:
        elements["SequenceOfUltrasoundRegions"] = list(regions)
    return dicom_bytes(picture().tobytes(), **RGB, **elements)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ultrasound(region()), 0.085),
        (ultrasound(region(0.0085, -0.0085)), 0.085),  # the sign is a direction
        (ultrasound(region(0.00850, 0.00858)), 0.0854),
        (ultrasound(region(), region()), 0.085),
        (ultrasound(region(), region(0.004, 2, kind=SPECTRAL, unit=SECONDS)), 0.085),
        (ultrasound(PixelSpacing=[0.2, 0.2]), 0.2),
        (ultrasound(region(), PixelSpacing=[0.2, 0.2]), 0.085),
    ],
    ids=["region", "upwards", "within 1 %", "two", "beside spectral", "plain", "region first"],
)
def test_a_sound_spacing_is_taken(data, expected):
    assert pixel_size(data).mm == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "data",
    [
        ultrasound(),
        ultrasound(region(), region(0.0170, 0.0170)),
        ultrasound(region(unit=SECONDS), PixelSpacing=[0.2, 0.2]),
        ultrasound(region(0, 0)),
        ultrasound(region(float("nan"), float("nan"))),
        ultrasound(region(float("inf"), float("inf"))),
        ultrasound(region(2, 2)),
    ],
    ids=[
        *("none", "two scales", "seconds", "zero", "nan", "infinite", "20 mm"),
    ],
)
def test_a_doubtful_spacing_is_none(data):
    assert pixel_size(data).mm is None


def malformed_number() -> bytes:
    return ultrasound(PixelSpacing=[0.2, 0.2]).replace(b"0.2\\0.2", b"0.2\\x.2")


def malformed_regions() -> bytes:
    """Half an element stands at the end of the sequence; what comes after it is sound."""
    data = ultrasound(region())
    unit = data.index(b"\x18\x00\x2c\x60") + 6  # the length of Physical Delta X
    return data[:unit] + b"\x07" + data[unit + 1 :]


@pytest.mark.parametrize("malformed", [malformed_number, malformed_regions])
def test_a_malformed_spacing_is_none_where_the_pixels_are_sound(tmp_path, malformed):
    files = source_files(1)
    for name in [name for name in files if name.endswith(".png")]:
        files[name] = malformed()
    [case] = read_cohort(write_folder(tmp_path, files))
    assert (case.bus_mm_per_pixel, case.cdfi_mm_per_pixel) == (None, None)
    assert case.bus_png == encode_png(picture())


def test_a_damaged_file_is_refused_in_plain_words():
    """Its sequence of regions has a false length, so that nothing after it can be found."""
    data = ultrasound(region())
    length = data.index(b"\x18\x00\x11\x60") + 8
    broken = data[:length] + b"\x07" + data[length + 1 :]
    assert pixel_size(broken).mm is None
    with pytest.raises(UnreadableImage, match="has no image"):
        decode_rgb(broken)


def test_the_manifest_goes_before_the_file(tmp_path):
    changes = {1: {"bus_mm_per_pixel": "0.1", "cdfi_mm_per_pixel": ""}}
    files = source_files(1, changes=changes)
    for name in [name for name in files if name.endswith(".png")]:
        files[name] = ultrasound(region())
    [case] = read_cohort(write_folder(tmp_path, files))
    assert (case.bus_mm_per_pixel, case.cdfi_mm_per_pixel) == (0.1, pytest.approx(0.085))


@pytest.mark.parametrize("cell", ["0", "0,1", "-0.1", "10.5", "0.1 mm", "nan", "1e-2"])
def test_a_bad_cell_is_refused_with_its_place(tmp_path, cell):
    changes = {1: {"cdfi_mm_per_pixel": "0.1"}, 2: {"cdfi_mm_per_pixel": cell}}
    with pytest.raises(ImportRefused) as caught:
        list(read_cohort(write_folder(tmp_path, source_files(2, changes=changes))))
    [problem] = caught.value.problems
    assert (problem.row, problem.column) == (3, "cdfi_mm_per_pixel")
    assert "is not a pixel's size; write millimetres above 0 and up to 10" in problem.message


@pytest.mark.django_db
def test_what_is_known_is_stored(tmp_path, media_root):
    study = Study.objects.create(slug="study", title="Study")
    cohort = Cohort.objects.create(study=study, name="internal")
    files = source_files(1, changes={1: {"bus_mm_per_pixel": "0.1"}})
    cohort_import.import_cohort(cohort=cohort, source=write_folder(tmp_path / "source", files))
    stored = dict(Image.objects.values_list("modality", "mm_per_pixel"))
    assert stored == {"bus": 0.1, "cdfi": None}
