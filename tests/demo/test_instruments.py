"""Instruments and hospitals: pictures that look different and show the same."""

import numpy as np
import pytest
from scipy import ndimage

from readerstudy.demo.phantoms import (
    HOSPITALS,
    INSTRUMENTS,
    PLAIN,
    Flow,
    Sign,
    Technique,
    draw_phantom,
    sample_findings,
)
from readerstudy.diagnosis import Etiology

SIZE = (108, 144)
EVERY = pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda made: made.name)


def coloured(rgb):
    """(H, W) bool: pixels that are plainly not grey."""
    return np.ptp(rgb.astype(int), axis=2) > 20


def seeds(etiology, wanted, count):
    """The first seeds whose findings are as wanted, by the draw that every picture begins with."""
    found = []
    seed = 0
    while len(found) < count:
        rng = np.random.default_rng([seed, etiology.class_index]).spawn(1)[0]
        if wanted(sample_findings(etiology=etiology, rng=rng)):
            found.append(seed)
        seed += 1
    return found


HILUM_ALONE = seeds(
    Etiology.REACTIVE, lambda f: f.signs == {Sign.HILUM} and f.flow is Flow.HILAR, 4
)
NECROTIC_RIM = seeds(
    Etiology.METASTATIC, lambda f: f.signs == {Sign.NECROSIS} and f.flow is Flow.PERIPHERAL, 4
)


def draw(etiology, seed, instrument):
    return draw_phantom(etiology=etiology, seed=seed, instrument=instrument, size=SIZE)


@pytest.fixture(scope="module")
def sheets():
    """{instrument: (hilar phantoms, rim phantoms)}, the same nodes under each."""
    return {
        instrument: (
            [draw(Etiology.REACTIVE, seed, instrument) for seed in HILUM_ALONE],
            [draw(Etiology.METASTATIC, seed, instrument) for seed in NECROTIC_RIM],
        )
        for instrument in INSTRUMENTS
    }


def inward(phantom):
    """(H, W): 0 outside and at the node's margin, 1 innermost."""
    depth = ndimage.distance_transform_edt(phantom.mask)
    return depth / depth.max()


def test_there_are_14_with_names_of_their_own():
    assert len({instrument.name for instrument in INSTRUMENTS}) == len(INSTRUMENTS) == 14
    assert all(instrument.name.startswith("Synthetic scanner ") for instrument in INSTRUMENTS)


def test_every_instrument_shows_the_same_node(sheets):
    for at in range(2):
        for group in zip(*(pair[at] for pair in sheets.values()), strict=True):
            assert len({phantom.findings for phantom in group}) == 1
            coarsest = max(phantom.mm_per_pixel for phantom in group)
            assert np.ptp([phantom.diameter_mm for phantom in group]) < 2 * coarsest + 0.1


def looks(phantom):
    """Numbers (8,) of the scanned part alone, so that no frame tells the machines apart."""
    grey = phantom.bus[phantom.instrument.frame(SIZE)][..., 0].astype(float)
    grey = grey[5:-5, grey.shape[1] // 5 : -grey.shape[1] // 5]
    fine = grey - ndimage.gaussian_filter(grey, 3)
    neighbours = [np.corrcoef(fine[1:].ravel(), fine[:-1].ravel())[0, 1]]
    neighbours += [np.corrcoef(fine[:, n:].ravel(), fine[:, :-n].ravel())[0, 1] for n in (1, 2)]
    third = len(grey) // 3
    falls = grey[-third:].mean() - grey[:third].mean()
    return [*np.quantile(grey, [0.1, 0.5, 0.9]), fine.std(), falls, *neighbours]


def test_instruments_can_be_told_apart_by_speckle_and_greys(sheets):
    """Nearest other picture of another node, by eight numbers: chance would be 1 of 14."""
    owner = np.repeat(np.arange(14), 8)
    node = np.tile(np.arange(8), 14)
    numbers = np.array(
        [looks(phantom) for pair in sheets.values() for phantom in pair[0] + pair[1]]
    )
    numbers = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    distance = np.linalg.norm(numbers[:, None] - numbers, axis=2)
    distance[node[:, None] == node] = np.inf
    assert np.mean(owner[distance.argmin(axis=1)] == owner) > 0.5


def test_the_instruments_colours_differ():
    scales = {
        instrument.paint(np.linspace(-1, 1, 9)).tobytes(): instrument.colours
        for instrument in INSTRUMENTS
    }
    assert len(scales) == len(set(scales.values())) >= 4
    for instrument in INSTRUMENTS:
        away, none, toward = instrument.paint(np.array([-0.7, 0, 0.7])).astype(int)
        assert away[2] > away[0]  # blue away from the probe, red toward it
        assert toward[0] > toward[2]
        assert not none.any()


@EVERY
def test_the_signs_are_seen_under_every_instrument(sheets, instrument):
    hilar, rim = sheets[instrument]
    around, hilum, dark = [], [], []
    for phantom in hilar + rim:
        grey, depth = phantom.bus[..., 0].astype(float), inward(phantom)
        near, far = (ndimage.binary_dilation(phantom.mask, iterations=n) for n in (2, 6))
        beside = grey[far & ~near & (grey > 0)].mean()
        around.append(grey[(depth > 0) & (depth < 0.4)].mean() - beside)
        within = ndimage.gaussian_filter(grey, 1.5)[depth > 0.2]
        dark.append(np.quantile(within, 0.1) / beside)
        hilum.append(grey[depth > 0.85].mean() - grey[(depth > 0.2) & (depth < 0.4)].mean())
    assert np.mean(around) < -15
    assert np.mean(hilum[:4]) > np.mean(hilum[4:]) + 12
    assert np.mean(dark[4:]) < np.mean(dark[:4])
    # Vessels of the hilum lie deeper in the node than those of the rim.
    depths = []
    for group in (hilar, rim):
        inside = [inward(p)[p.mask & coloured(p.cdfi)] for p in group]
        depths.append(np.concatenate(inside))
        assert depths[-1].size > 20
    assert depths[0].mean() > depths[1].mean() + 0.15


@EVERY
def test_beside_the_scan_are_plain_rectangles_and_no_text(instrument):
    """A letter is no filled rectangle. Large enough that all that may be shown is."""
    size = (240, 320)
    phantom = draw_phantom(etiology=Etiology.REACTIVE, seed=1, instrument=instrument, size=size)
    scanned = np.zeros(size, dtype=bool)
    scanned[instrument.frame(size)] = True
    assert scanned.mean() > 0.55
    beside = np.where(scanned, 0, phantom.bus[..., 0])
    assert beside.any() == (instrument.ticks or instrument.grey_bar)
    for where in ndimage.find_objects(ndimage.label(beside)[0]):
        assert beside[where].all()
    # The Doppler picture adds nothing there but, at most, its scale, a rectangle too.
    added = (phantom.cdfi != phantom.bus).any(axis=2) & ~scanned
    for where in ndimage.find_objects(ndimage.label(added)[0]):
        assert added[where].mean() > 0.9


@EVERY
def test_a_large_node_is_whole_in_view_and_under_no_scale(instrument):
    large = seeds(Etiology.LYMPHOMA, lambda f: f.diameter_mm > 30 and f.flow is Flow.ABSENT, 2)
    for seed in large:
        phantom = draw(Etiology.LYMPHOMA, seed, instrument)
        assert coloured(phantom.cdfi).sum() > 30  # the scale
        assert np.mean(coloured(phantom.cdfi)[phantom.mask]) < 0.02  # noise at most
        black = (phantom.cdfi == 0).all(axis=2) & (phantom.bus != 0).all(axis=2)
        assert not (black & phantom.mask).any()
        # Nothing of it is cut off by a curved probe's field of view.
        rim = ndimage.binary_dilation(phantom.mask, iterations=2) & ~phantom.mask
        assert ndimage.grey_dilation(phantom.bus[..., 0], 5)[rim].min() > 0


def test_the_same_instrument_gives_the_same_pixels():
    first, second = (draw(Etiology.METASTATIC, 4, INSTRUMENTS[9]) for _ in range(2))
    assert first.bus.tobytes() == second.bus.tobytes()
    assert first.cdfi.tobytes() == second.cdfi.tobytes()
    assert first.bus.tobytes() != draw(Etiology.METASTATIC, 4, PLAIN).bus.tobytes()


def test_great_vessels_are_dark_in_grey_and_strong_in_colour():
    flowing, dark, there = [], [], 0
    for seed in range(12):
        without, beside = (
            draw_phantom(
                etiology=Etiology.REACTIVE,
                seed=seed,
                size=SIZE,
                technique=Technique(vessels=share, box_mm=(12, 12)),
            )
            for share in (0, 1)
        )
        np.testing.assert_array_equal(without.mask, beside.mask)
        if (without.bus == beside.bus).all():
            continue  # no room
        there += 1
        # In dark places that were not dark: the lumen.
        smooth = [
            ndimage.gaussian_filter(p.bus[..., 0].astype(float), 2) for p in (without, beside)
        ]
        lumen = (smooth[1] < 45) & (smooth[0] > 90)
        assert not (lumen & without.mask).any()
        dark.append(lumen.sum() * without.mm_per_pixel**2)
        outside = [(coloured(p.cdfi) & ~p.mask)[:, 12:-12].sum() for p in (without, beside)]
        flowing.append(outside[1] - outside[0])
    assert there > 6
    assert np.median(dark) > 8  # mm2
    assert np.median(flowing) > 60


def test_technique_sets_gain_and_depth():
    plain, bright, deep = (
        draw_phantom(etiology=Etiology.REACTIVE, seed=2, size=SIZE, technique=technique)
        for technique in (
            Technique(),
            Technique(gain_db=(4, 0)),
            Technique(depth_mm=(55, 56)),
        )
    )
    assert bright.bus.mean() > plain.bus.mean() + 10
    assert deep.mm_per_pixel == pytest.approx(55.5 / SIZE[0], rel=0.02)
    assert plain.mm_per_pixel < 0.8 * deep.mm_per_pixel


def test_hospitals_share_some_instruments_and_own_others():
    owned = [set(hospital.instruments) for hospital in HOSPITALS]
    assert set.union(*owned) == set(INSTRUMENTS)
    for at, own in enumerate(owned):
        others = set.union(*(owned[:at] + owned[at + 1 :]))
        assert own & others
        assert len(own - others) >= 3


@pytest.mark.parametrize("hospital", HOSPITALS, ids=lambda hospital: hospital.name)
def test_a_hospital_scans_with_its_own_instruments_in_their_shares(hospital):
    rng = np.random.default_rng(3)
    chosen = [hospital.choose(rng) for _ in range(2000)]
    assert set(chosen) == set(hospital.instruments)
    total = sum(hospital.machines.values())
    for instrument, share in zip(hospital.instruments, hospital.machines.values(), strict=True):
        assert chosen.count(instrument) / 2000 == pytest.approx(share / total, abs=0.04)


def test_hospitals_scan_differently():
    scans = [
        [
            draw_phantom(
                etiology=Etiology.METASTATIC, seed=seed, size=SIZE, technique=hospital.technique
            )
            for seed in range(8)
        ]
        for hospital in HOSPITALS
    ]
    greys = [np.mean([phantom.bus.mean() for phantom in group]) for group in scans]
    assert greys[1] > greys[0] > greys[2]
    depths = [np.mean([phantom.mm_per_pixel for phantom in group]) for group in scans]
    assert depths[1] > depths[0] > depths[2]
