"""What is noted of a case's images, and what is not."""

import numpy as np
import pytest

from inference.image_quality import quality_notes
from readerstudy.demo.phantoms import INSTRUMENTS, draw_phantom
from readerstudy.diagnosis import Etiology

SIDE = 224


def grey(rng, *, low=0, high=240, size=(300, 400)):
    """Noise of these levels, (H, W, 3)."""
    return np.repeat(rng.integers(low, high, size, dtype=np.uint8)[..., None], 3, axis=2)


@pytest.fixture
def bus(rng):
    return grey(rng)


@pytest.fixture
def cdfi(rng):
    image = grey(rng)
    image[100:140, 100:140] = (220, 30, 10)
    return image


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_sound_images_have_no_notes(bus, cdfi):
    assert quality_notes(bus, cdfi, size=SIDE) == []


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_ordinary_pictures_have_none_whatever_machine_they_are_from(instrument):
    for etiology in (Etiology.REACTIVE, Etiology.METASTATIC):
        phantom = draw_phantom(etiology=etiology, seed=5, instrument=instrument)
        assert quality_notes(phantom.bus, phantom.cdfi, size=SIDE) == []


@pytest.mark.parametrize(("size", "noted"), [((224, 224), 0), ((223, 900), 1), ((900, 223), 1)])
def test_an_image_smaller_than_the_networks_input(rng, cdfi, size, noted):
    found = quality_notes(grey(rng, size=size), cdfi, size=SIDE)
    assert len(found) == noted
    assert all(f"BUS is small ({size[1]} x {size[0]} pixels)" in note for note in found)


@pytest.mark.parametrize("level", [0, 120, 255])
def test_an_image_of_one_shade(cdfi, level):
    [note, *_] = quality_notes(np.full_like(cdfi, level), cdfi, size=SIDE)
    assert note.startswith("BUS is nearly one shade")


@pytest.mark.parametrize(("high", "noted"), [(100 + 22, True), (100 + 40, False)])
def test_an_image_of_few_shades(rng, cdfi, high, noted):
    found = quality_notes(grey(rng, low=100, high=high), cdfi, size=SIDE)
    assert any("nearly one shade" in note for note in found) is noted


@pytest.mark.parametrize(("rows", "noted"), [(10, False), (30, True)])
def test_an_overexposed_image(bus, cdfi, rows, noted):
    bus[:rows] = 255  # of 300
    assert (
        any("BUS is overexposed" in note for note in quality_notes(bus, cdfi, size=SIDE)) is noted
    )


def test_black_is_no_fault(bus, cdfi):
    bus[:200] = 0
    assert quality_notes(bus, cdfi, size=SIDE) == []


def test_no_colour_in_the_doppler_image(rng, bus):
    [note] = quality_notes(bus, grey(rng), size=SIDE)
    assert note.startswith("CDFI has no colour")


def test_a_tint_of_the_whole_image_is_no_doppler_colour(bus, rng):
    tinted = grey(rng)
    tinted[..., 2] = np.minimum(tinted[..., 2] + 15, 255)
    assert any("CDFI has no colour" in note for note in quality_notes(bus, tinted, size=SIDE))


def test_images_that_were_swapped(bus, cdfi):
    assert [
        note.split(":")[0].split(" in ")[0] for note in quality_notes(cdfi, bus, size=SIDE)
    ] == [
        "BUS has colour",
        "CDFI has no colour",
    ]


def test_the_same_picture_twice(bus):
    assert quality_notes(bus, bus.copy(), size=SIDE) == ["BUS and CDFI are the same picture."]


def test_notes_leave_the_images_as_they_are(bus, cdfi):
    before = bus.copy(), cdfi.copy()
    bus.setflags(write=False)
    quality_notes(bus, cdfi, size=SIDE)
    assert np.array_equal(bus, before[0])
    assert np.array_equal(cdfi, before[1])
