"""Pictures that show the same are told apart from those that one machine drew."""

import io

import numpy as np
import pytest
from PIL import Image

from readerstudy.imaging.likeness import LEAST_PICTURES, alike, thumbnail

SIDES = (160, 120)


def scene(seed: int) -> np.ndarray:
    """Tissue with a few dark nodes in a fan, its own each; (120, 160, 3) uint8."""
    rng = np.random.default_rng(seed)
    width, height = SIDES
    y, x = np.mgrid[0:height, 0:width]
    speckle = Image.fromarray((rng.random((30, 40)) * 255).astype(np.uint8)).resize(SIDES)
    tissue = (90 + 40 * np.exp(-y / 50)) * (0.5 + np.asarray(speckle) / 255)
    for _ in range(rng.integers(1, 4)):
        centre, radius = rng.uniform(0.2, 0.8, 2) * SIDES, rng.uniform(8, 22, 2)
        node = ((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2 < 1
        tissue[node] *= 0.35
    tissue[np.abs(x - width / 2) > width * 0.25 + y * 0.4] = 0
    return np.repeat(np.clip(tissue, 0, 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def in_frame(pixels: np.ndarray) -> np.ndarray:
    """On the bright screen of a machine."""
    screen = np.full((150, 200, 3), 200, np.uint8)
    screen[:15], screen[2:12, 5:50] = 240, 30
    screen[15:135, 20:180] = pixels
    return screen


def as_jpeg(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=30)
    return np.asarray(Image.open(file))


def smaller(pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((image.width * 2 // 3, image.height * 2 // 3)))


@pytest.mark.parametrize("drawn", [lambda pixels: pixels, in_frame], ids=["bare", "in its frame"])
def test_different_pictures_of_one_machine_are_not_alike(drawn):
    known = [thumbnail(drawn(scene(seed))) for seed in range(100)]
    assert [(place, places.tolist()) for place, places in alike(known, known)] == [
        (place, [place]) for place in range(100)
    ]


@pytest.mark.parametrize("again", [as_jpeg, smaller])
@pytest.mark.parametrize("drawn", [lambda pixels: pixels, in_frame], ids=["bare", "in its frame"])
@pytest.mark.parametrize("count", [2, LEAST_PICTURES, 60])
def test_a_copy_is_found_among_few_and_many(count, drawn, again):
    pictures = [drawn(scene(seed)) for seed in range(count)]
    copies = [thumbnail(again(picture)) for picture in pictures]
    found = dict(alike(copies, [thumbnail(picture) for picture in pictures]))
    assert all(place in found[place] for place in range(count))


def test_many_copies_of_one_picture_are_all_found():
    """Though they have all in common, and nothing that is their own."""
    pictures = [thumbnail(scene(1))] + [thumbnail(as_jpeg(scene(1)))] * 39
    found = dict(alike(pictures, pictures))
    assert all(len(places) == 40 for places in found.values())


def test_pictures_of_one_shade_are_not_compared():
    plain = [thumbnail(np.full((40, 48, 3), shade, np.uint8)) for shade in (0, 90, 91)]
    assert list(alike(plain, plain)) == []
