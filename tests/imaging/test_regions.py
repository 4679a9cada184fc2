"""The crop to the ultrasound regions: exact to the pixel, or left to a person."""

import numpy as np
import pytest

from readerstudy.imaging import Limits
from readerstudy.imaging.box import Box
from readerstudy.imaging.deidentified_image import MOST_FRAMES, deidentify_image
from readerstudy.imaging.ultrasound_regions import MOST_REGIONS
from tests.imaging.example_files import RGB_DICOM, dicom_bytes, encoded, picture, region

WIDTH, HEIGHT = 160, 120
PIXELS = picture(width=WIDTH, height=HEIGHT)
SIZE = RGB_DICOM | {"Rows": HEIGHT, "Columns": WIDTH}
SCALE = {
    "PhysicalUnitsXDirection": 3,
    "PhysicalUnitsYDirection": 3,
    "PhysicalDeltaX": 0.01,
    "PhysicalDeltaY": 0.01,
}


def ultrasound(*regions, **elements) -> bytes:
    return dicom_bytes(
        PIXELS.tobytes(), **SIZE, SequenceOfUltrasoundRegions=list(regions), **elements
    )


@pytest.mark.parametrize(
    ("regions", "rows", "columns"),
    [
        ([region((0, 0, 159, 119))], (0, 120), (0, 160)),
        ([region((10, 20, 109, 99))], (20, 100), (10, 110)),
        ([region((10, 20, 160, 120))], (20, 120), (10, 160)),
        ([region((10, 20, 200, 140))], (20, 120), (10, 160)),
        ([region((0, 0, 31, 79))], (0, 80), (0, 32)),
        ([region((10, 20, 109, 99), data=2)], (20, 100), (10, 110)),
        ([region((10, 20, 109, 99)), region((30, 40, 60, 70), data=2)], (20, 100), (10, 110)),
        ([region((0, 10, 76, 99)), region((80, 10, 156, 99))], (10, 100), (0, 157)),
        ([region((10, 20, 109, 99)), region((0, 0, 159, 9), data=10)], (20, 100), (10, 110)),
        ([region((0, 0, 159, 15), kind=3, data=3), region((8, 20, 99, 99))], (20, 100), (8, 100)),
        ([region((0, 0, 159, 15), kind=2), region((8, 20, 99, 99))], (20, 100), (8, 100)),
    ],
    ids=[
        *("whole", "both corners belong to it", "one over", "overrun", "as small as may be"),
        *("colour flow", "flow within tissue", "dual", "beside a scale", "beside a spectrum"),
        "beside an M-mode",
    ],
)
def test_what_is_ultrasound_is_kept_to_the_pixel(regions, rows, columns):
    found = deidentify_image(ultrasound(*regions))
    assert found.findings.needs_crop == ""
    assert np.array_equal(found.rgb, PIXELS[slice(*rows), slice(*columns)])


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ([], "does not say which part"),
        ([region((0, 0, 159, 119), kind=3, data=3)], "does not say which part"),
        ([region((0, 0, 159, 119), data=10)], "does not say which part"),
        ([region((0, 0, 159, 119), kind=0)], "does not say which part"),
        ([region((0, 0, 30, 119))], "too small"),
        ([region((10, 10, 50, 50))], "too small"),
        ([region((50, 50, 40, 60))], "empty"),
        ([region((200, 200, 300, 300))], "outside"),
        ([region((0, 0, 639, 479))], "outside"),
        ([region((0, 0, 2**32 - 1, 2**32 - 1))], "outside"),
        ([region((0, 0, 39, 39)), region((120, 80, 159, 119))], "far apart"),
        ([region(None)], "malformed"),
        ([region((0, 0, 159))], "malformed"),
        ([region((0, 0, 159, 119))] * (MOST_REGIONS + 1), "too many"),
    ],
    ids=[
        *("none", "a spectrum alone", "a scale alone", "no format", "too narrow", "too small"),
        *("empty", "outside", "of a larger picture", "largest numbers", "far apart"),
        *("no corners", "three corners", "too many"),
    ],
)
def test_what_is_not_plausible_is_left_to_a_person(regions, words):
    found = deidentify_image(ultrasound(*regions))
    assert words in found.findings.needs_crop
    assert np.array_equal(found.rgb, PIXELS)


def test_a_region_without_a_data_type_is_not_believed():
    item = region((0, 0, 159, 119))
    del item.RegionDataType
    assert "does not say which part" in deidentify_image(ultrasound(item)).findings.needs_crop


def test_the_scale_is_the_same_after_the_crop():
    cropped = deidentify_image(ultrasound(region((10, 20, 109, 99), **SCALE)))
    assert (cropped.rgb.shape, cropped.mm_per_pixel) == ((80, 100, 3), pytest.approx(0.1))


def test_the_scale_of_a_picture_made_smaller_since_is_not_believed():
    assert deidentify_image(ultrasound(region((0, 0, 639, 479), **SCALE))).mm_per_pixel is None
    assert deidentify_image(
        ultrasound(region((0, 0, 20, 20), **SCALE))
    ).mm_per_pixel == pytest.approx(0.1)


@pytest.mark.parametrize(("value", "says"), [("YES", True), (" YES ", True), ("NO", False)])
def test_what_the_file_says_of_burned_in_text_counts(value, says):
    found = deidentify_image(ultrasound(region((0, 0, 159, 119)), BurnedInAnnotation=value))
    assert found.findings.says_burned_in is says


def test_the_box_of_suspected_text_is_in_the_cropped_pictures_pixels():
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[60:72, 60:120:4] = 255  # strokes in a line
    data = dicom_bytes(
        pixels.tobytes(), **SIZE, SequenceOfUltrasoundRegions=[region((40, 40, 139, 99))]
    )
    [box] = deidentify_image(data).findings.boxes
    assert box.left <= 20
    assert 76 <= box.right <= 100
    assert box.top <= 20
    assert 31 <= box.bottom <= 60


class TestFrames:
    FRAMES = tuple(picture(seed, width=WIDTH, height=HEIGHT) for seed in range(5))

    def clip(self, count: int = 5, **elements) -> bytes:
        pixels = b"".join(self.FRAMES[n % 5].tobytes() for n in range(count))
        regions = [region((10, 20, 109, 99))]
        return dicom_bytes(
            pixels, **SIZE, NumberOfFrames=count, SequenceOfUltrasoundRegions=regions, **elements
        )

    def test_a_frame_that_is_given_is_the_picture(self):
        found = deidentify_image(self.clip(), frame=4)
        assert np.array_equal(found.rgb, self.FRAMES[3][20:100, 10:110])
        assert found.findings.frames == ()

    def test_without_one_all_are_kept_cropped_alike_and_bare(self):
        found = deidentify_image(self.clip())
        assert np.array_equal(found.rgb, self.FRAMES[2][20:100, 10:110])
        assert [frame.number for frame in found.findings.frames] == [1, 2, 3, 4, 5]
        for frame, pixels in zip(found.findings.frames, self.FRAMES, strict=True):
            assert np.array_equal(deidentify_image(frame.png).rgb, pixels[20:100, 10:110])

    def test_of_a_long_clip_as_many_as_are_allowed_are_kept_evenly_spread(self):
        numbers = [frame.number for frame in deidentify_image(self.clip(200)).findings.frames]
        assert (len(numbers), numbers[0], numbers[-1]) == (MOST_FRAMES, 1, 200)
        assert set(np.diff(numbers)) <= {5, 6}

    def test_a_single_picture_has_none(self):
        assert deidentify_image(self.clip(1)).findings.frames == ()
        assert deidentify_image(encoded(PIXELS)).findings.frames == ()


def test_the_least_side_is_the_one_of_an_image():
    data = ultrasound(region((10, 20, 109, 99)))
    assert deidentify_image(data, limits=Limits(min_side=80)).findings.needs_crop == ""
    assert "too small" in deidentify_image(data, limits=Limits(min_side=81)).findings.needs_crop


def test_a_box_is_clamped_and_joined():
    assert Box(-5, -5, 500, 3).clamped(160, 120) == Box(0, 0, 160, 3)
    assert Box(200, 0, 300, 9).clamped(160, 120).area == 0
    assert Box(0, 5, 9, 9).around(Box(4, 0, 20, 8)) == Box(0, 0, 20, 9)
