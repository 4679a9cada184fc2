"""How much burned-in text the screen finds, and how often it is wrong, on drawn pictures.

The bounds are what docs/admin.md promises. Real pictures: the module after this one.
"""

import io
import os
from functools import cache

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from readerstudy.demo.phantoms import INSTRUMENTS, draw_phantom
from readerstudy.diagnosis import Etiology
from readerstudy.imaging.burned_in_text import MOST_BOXES, _clumps, suspected_text

FOLDER = os.path.join(matplotlib.get_data_path(), "fonts", "ttf")
FONTS = (
    *("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf"),
    *("STIXGeneral.ttf", ""),
)
TEXTS = ("DOE^JANE 1961-03-24", "Zhang Wei", "ID 00482913", "14/02/2024 10:32", "ST. MARY HOSP")
COLOURS = (
    *((255, 255, 255), (200, 200, 200), (150, 150, 150), (100, 100, 100)),
    *((255, 255, 0), (0, 255, 255), (120, 220, 120)),
)
TRIES = 60


@cache
def phantoms() -> tuple[np.ndarray, ...]:
    """Pictures without a letter, B-mode and Doppler in turn, of every invented machine."""
    drawn = [
        draw_phantom(etiology=etiology, seed=seed, instrument=instrument)
        for seed, (instrument, etiology) in enumerate(
            zip(INSTRUMENTS, list(Etiology) * 4, strict=False)
        )
    ]
    return tuple(picture for phantom in drawn for picture in (phantom.bus, phantom.cdfi))


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    path = os.path.join(FOLDER, name)
    return ImageFont.truetype(path, size) if name else ImageFont.load_default(size)


def lettered(rng: np.random.Generator, *, on_tissue: bool) -> tuple[np.ndarray, tuple[int, ...]]:
    """A phantom with a line of text, in a black margin or on the picture; and where it stands."""
    return lettered_on(phantoms()[rng.integers(len(phantoms()))], rng, on_tissue=on_tissue)


def lettered_on(
    picture: np.ndarray, rng: np.random.Generator, *, on_tissue: bool
) -> tuple[np.ndarray, tuple[int, ...]]:
    """As `lettered`, of any picture."""
    letters = font(FONTS[rng.integers(len(FONTS))], int(rng.integers(9, 29)))
    text, colour = TEXTS[rng.integers(len(TEXTS))], COLOURS[rng.integers(len(COLOURS))]
    left, top, right, bottom = letters.getbbox(text)
    wide, high = right - left, bottom - top
    margin = 0 if on_tissue else high + 8
    image = Image.new("RGB", (picture.shape[1], picture.shape[0] + margin))
    image.paste(Image.fromarray(picture), (0, margin))
    x = int(rng.integers(0, max(1, image.width - wide)))
    y = int(rng.integers(0, picture.shape[0] - high)) if on_tissue else 4
    ImageDraw.Draw(image).text((x - left, y - top), text, font=letters, fill=colour)
    return np.asarray(image), (x, y, x + wide, y + high)


def share_found(pixels: np.ndarray, place: tuple[int, ...]) -> float:
    """How much of the text's width is boxed."""
    left, top, right, bottom = place
    found = np.zeros(right - left, bool)
    for box in suspected_text(pixels):
        if box.top < bottom and box.bottom > top:
            found[max(box.left - left, 0) : max(box.right - left, 0)] = True
    return found.mean()


def as_jpeg(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


def recall(*, on_tissue: bool, jpeg: bool) -> float:
    rng = np.random.default_rng(11)
    tried = [lettered(rng, on_tissue=on_tissue) for _ in range(TRIES)]
    return np.mean([share_found(as_jpeg(p) if jpeg else p, at) >= 0.3 for p, at in tried])


@pytest.mark.parametrize("jpeg", [False, True])
def test_text_in_a_margin_is_found(jpeg):
    assert recall(on_tissue=False, jpeg=jpeg) >= 0.98


@pytest.mark.parametrize("jpeg", [False, True])
def test_most_text_on_the_picture_is_found(jpeg):
    assert recall(on_tissue=True, jpeg=jpeg) >= 0.75


def test_dark_text_on_a_light_bar_is_found():
    image = Image.new("RGB", (400, 60), (180, 190, 200))
    ImageDraw.Draw(image).text((30, 20), "DOE^JANE 1961", font=font(FONTS[0], 16), fill=(0, 0, 0))
    assert share_found(np.asarray(image), (30, 20, 150, 36)) > 0.8


def test_few_b_mode_pictures_are_taken_for_text():
    wrong = [bool(suspected_text(picture)) for picture in phantoms()[::2]]
    assert np.mean(wrong) <= 0.2


def test_not_every_doppler_picture_is_taken_for_text():
    wrong = [bool(suspected_text(picture)) for picture in phantoms()[1::2]]
    assert np.mean(wrong) <= 0.9


def test_boxes_lie_inside_the_picture_and_are_not_endless():
    noise = np.random.default_rng(0).integers(0, 256, (301, 407, 3)).astype(np.uint8)
    noise[::40] = noise[:, ::60] = 0
    boxes = suspected_text(noise)
    assert 0 < len(boxes) <= MOST_BOXES
    assert all(box == box.clamped(407, 301) and box.area for box in boxes)


@pytest.mark.parametrize("size", [(32, 32), (33, 37), (500, 32), (32, 500)])
@pytest.mark.parametrize("value", [0, 255])
def test_a_picture_of_one_colour_has_no_text(size, value):
    assert suspected_text(np.full((*size, 3), value, np.uint8)) == []


def test_clumps_are_those_of_scipy():
    rng = np.random.default_rng(0)
    for _ in range(100):
        cells = rng.random((rng.integers(1, 40), rng.integers(1, 50))) < rng.random()
        labels, _ = ndimage.label(cells, structure=np.ones((3, 3)))
        expected = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)]
        assert sorted(map(tuple, _clumps(cells))) == sorted(expected)
