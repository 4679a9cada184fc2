"""Phantoms: repeatable, self-consistent, and like their etiology often but not always."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import pdist
from scipy.stats import mannwhitneyu

from readerstudy.demo.phantoms import Sign, draw_phantom, longest_px, speckle
from readerstudy.diagnosis import Etiology

SIZE = (96, 128)
SEEDS = range(24)


@pytest.fixture(scope="module")
def phantoms():
    """{etiology: its phantoms, one a seed}."""
    return {e: [draw_phantom(etiology=e, seed=s, size=SIZE) for s in SEEDS] for e in Etiology}


@pytest.fixture(scope="module")
def everyone(phantoms):
    return [phantom for group in phantoms.values() for phantom in group]


def coloured(rgb):
    """(H, W) bool: pixels that are plainly not grey."""
    return np.ptp(rgb.astype(int), axis=2) > 20


def roundness(phantom):
    """Short over long axis of the ellipse with the mask's second moments."""
    short, long = np.linalg.eigvalsh(np.cov(np.argwhere(phantom.mask).T))
    return np.sqrt(short / long)


def vessel_depth(phantom):
    """How far inside the node its colour lies on average: 0 at the margin, 1 innermost."""
    inward = ndimage.distance_transform_edt(phantom.mask)
    vessels = coloured(phantom.cdfi) & phantom.mask
    return (inward[vessels] / inward.max()).mean() if vessels.sum() > 5 else np.nan


def measured(phantoms, measure, etiology):
    values = np.array([measure(phantom) for phantom in phantoms[etiology]])
    return values[np.isfinite(values)]


def test_the_same_arguments_give_the_same_pixels():
    first, second = (draw_phantom(etiology=Etiology.LYMPHOMA, seed=3, size=SIZE) for _ in range(2))
    for name in ("bus", "cdfi", "mask"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert (first.diameter_mm, first.mm_per_pixel) == (second.diameter_mm, second.mm_per_pixel)
    assert (first.signs, first.flow) == (second.signs, second.flow)


def test_every_seed_and_etiology_gives_another_picture(everyone):
    assert len({phantom.bus.tobytes() for phantom in everyone}) == len(everyone)
    assert len({phantom.mask.tobytes() for phantom in everyone}) == len(everyone)


def test_etiologies_of_one_seed_share_no_speckle(phantoms):
    """Else a picture's background would tell which nodes belong together."""
    for group in zip(*phantoms.values(), strict=True):
        grey = np.array([phantom.bus[:, :, 0].astype(float) for phantom in group])
        fine = grey - ndimage.gaussian_filter(grey, (0, 1.5, 1.5))
        alike = np.corrcoef(fine.reshape(len(group), -1))
        assert np.abs(alike - np.eye(len(group))).max() < 0.1


@pytest.mark.parametrize("size", [(384, 512), (64, 64), (70, 301), (301, 70)])
def test_shapes_and_types(size):
    phantom = draw_phantom(etiology=Etiology.METASTATIC, seed=1, size=size)
    for picture in (phantom.bus, phantom.cdfi):
        assert picture.shape == (*size, 3)
        assert picture.dtype == np.uint8
    assert phantom.mask.shape == size
    assert phantom.mask.dtype == bool
    assert type(phantom.diameter_mm) is float
    assert type(phantom.mm_per_pixel) is float
    assert phantom.diameter_mm == round(phantom.diameter_mm, 1)


def test_too_small_a_picture_is_refused():
    with pytest.raises(ValueError, match="at least 64"):
        draw_phantom(etiology=Etiology.REACTIVE, seed=0, size=(63, 512))


def test_the_longest_diameter_of_known_shapes():
    y, x = np.mgrid[:120, :120]
    disc = np.hypot(x - 60, y - 55) <= 40
    assert longest_px(mask=disc) == pytest.approx(81, abs=0.5)
    slanting = (x == y) & (x >= 20) & (x <= 90)  # its box is 71 by 71
    assert longest_px(mask=slanting) == pytest.approx(70 * np.sqrt(2) + 1, abs=0.5)


def test_the_diameter_is_that_of_the_drawn_node(everyone):
    for phantom in everyone:
        edge = phantom.mask & ~ndimage.binary_erosion(phantom.mask)
        longest = pdist(np.argwhere(edge)).max() * phantom.mm_per_pixel
        assert phantom.diameter_mm == pytest.approx(longest, abs=1.5 * phantom.mm_per_pixel + 0.05)
        # No shape of this diameter is larger than the disc; a node is no sliver either.
        disc = np.pi / 4 * phantom.diameter_mm**2
        area = phantom.mask.sum() * phantom.mm_per_pixel**2
        assert 0.2 * disc < area < 1.02 * disc


def test_the_diameter_does_not_hang_on_the_number_of_pixels():
    for seed in range(3):
        small, large = (
            draw_phantom(etiology=Etiology.TUBERCULOUS, seed=seed, size=size)
            for size in (SIZE, (192, 256))
        )
        assert small.diameter_mm == pytest.approx(large.diameter_mm, abs=small.mm_per_pixel + 0.1)


def test_the_node_is_one_piece_well_inside_the_picture(everyone):
    for phantom in everyone:
        assert ndimage.label(phantom.mask)[1] == 1
        assert not np.pad(np.zeros((94, 126), bool), 1, constant_values=True)[phantom.mask].any()


def test_the_node_is_darker_than_its_surroundings(everyone):
    differences = []
    for phantom in everyone:
        near, far = (ndimage.binary_dilation(phantom.mask, iterations=n) for n in (2, 6))
        grey = phantom.bus[..., 0].astype(float)
        differences.append(grey[phantom.mask].mean() - grey[far & ~near].mean())
    assert np.mean(differences) < -30
    assert np.mean(np.array(differences) < 0) > 0.95


def test_only_doppler_has_colour_and_only_in_its_box_and_scale(everyone):
    flowing = []
    for phantom in everyone:
        assert np.ptp(phantom.bus, axis=2).max() == 0
        colour = coloured(phantom.cdfi)
        flowing.append((colour & phantom.mask).sum() > 5)
        margin = int(np.ceil(4 / phantom.mm_per_pixel)) + 1
        rows, columns = (phantom.mask.any(axis=axis) for axis in (1, 0))
        box = np.logical_and.outer(
            *(ndimage.binary_dilation(side, iterations=margin) for side in (rows, columns))
        )
        box[:40, -12:] = box[:40, :12] = True  # the scale's corners
        np.testing.assert_array_equal(phantom.cdfi[~box], phantom.bus[~box])
    assert 0.6 < np.mean(flowing) < 1  # some nodes have no flow to see


def test_both_directions_of_flow_are_seen(everyone):
    rgb = np.concatenate([p.cdfi[p.mask & coloured(p.cdfi)] for p in everyone]).astype(int)
    red = np.mean(rgb[:, 0] > rgb[:, 2])
    assert 0.25 < red < 0.75


@pytest.mark.parametrize("round_one", [Etiology.LYMPHOMA, Etiology.METASTATIC])
def test_malignant_nodes_are_rounder_than_reactive_ones_but_not_always(phantoms, round_one):
    oval = measured(phantoms, roundness, Etiology.REACTIVE)
    rounder = measured(phantoms, roundness, round_one)
    test = mannwhitneyu(rounder, oval, alternative="greater")
    assert test.pvalue < 0.001
    assert test.statistic / (oval.size * rounder.size) < 0.98


@pytest.mark.parametrize("hilar", [Etiology.REACTIVE, Etiology.LYMPHOMA])
def test_metastatic_vessels_lie_nearer_the_margin_but_not_always(phantoms, hilar):
    inner = measured(phantoms, vessel_depth, hilar)
    outer = measured(phantoms, vessel_depth, Etiology.METASTATIC)
    test = mannwhitneyu(inner, outer, alternative="greater")
    assert test.pvalue < 0.001
    assert test.statistic / (inner.size * outer.size) < 0.98


def test_a_hilum_is_seen_as_a_bright_core(everyone):
    contrast = {True: [], False: []}
    for phantom in everyone:
        if phantom.signs <= {Sign.HILUM, Sign.RETICULATED}:
            inward = ndimage.distance_transform_edt(phantom.mask)
            inward /= inward.max()
            grey = phantom.bus[..., 0].astype(float)
            core, cortex = grey[inward > 0.85], grey[(inward > 0.2) & (inward < 0.4)]
            contrast[Sign.HILUM in phantom.signs].append(core.mean() - cortex.mean())
    assert np.mean(contrast[True]) > np.mean(contrast[False]) + 20


def test_necrosis_leaves_nearly_black_patches(everyone):
    black = {True: [], False: []}
    for phantom in everyone:
        smooth = ndimage.gaussian_filter(phantom.bus[..., 0].astype(float), 1.5)
        black[Sign.NECROSIS in phantom.signs].append(np.mean(smooth[phantom.mask] < 15))
    assert np.mean(black[True]) > 2 * np.mean(black[False])  # a lymphoma's cortex is dark too


def test_speckle_is_fully_developed():
    """Its envelope is Rayleigh distributed: mean/SD 1.913, intensity exponential, 5.57 dB of SD."""
    amplitude = np.full((500, 700), 3.0)
    field = speckle(rng=np.random.default_rng(8), amplitude=amplitude, grain_px=(0.9, 1.7))
    envelope = np.abs(field)
    intensity = envelope**2 / 3.0**2
    assert envelope.mean() / envelope.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.01)
    assert intensity.mean() == pytest.approx(1, rel=0.02)
    assert [np.mean(intensity > t) for t in (0.1, 1, 3)] == pytest.approx(
        [np.exp(-0.1), np.exp(-1), np.exp(-3)], abs=0.005
    )
    assert (10 * np.log10(intensity)).std() == pytest.approx(5.57, rel=0.02)


def test_speckle_grains_are_as_long_as_the_point_spread():
    """The field's autocorrelation is Gaussian with sqrt(2) times the point spread's SD."""
    field = speckle(
        rng=np.random.default_rng(9), amplitude=np.ones((500, 700)), grain_px=(1.0, 2.0)
    )
    intensity = np.abs(field) ** 2
    for axis, sigma in ((0, 1.0), (1, 2.0)):
        moved = np.roll(intensity, 2, axis=axis)
        correlation = np.corrcoef(intensity.ravel(), moved.ravel())[0, 1]
        assert correlation == pytest.approx(np.exp(-(2**2) / (2 * sigma**2)), abs=0.03)


def test_speckle_is_as_strong_but_coarser_where_the_point_spread_is_wider():
    lateral = np.repeat([0.8, 2.5], 200)
    field = speckle(
        rng=np.random.default_rng(10), amplitude=np.ones((400, 700)), grain_px=(1.0, lateral)
    )
    intensity = np.abs(field) ** 2
    fine, coarse = intensity[:190], intensity[210:]
    assert [fine.mean(), coarse.mean()] == pytest.approx([1, 1], rel=0.04)
    for part, sigma in ((fine, 0.8), (coarse, 2.5)):
        correlation = np.corrcoef(part[:, 2:].ravel(), part[:, :-2].ravel())[0, 1]
        assert correlation == pytest.approx(np.exp(-(2**2) / (2 * sigma**2)), abs=0.05)


def test_the_node_lies_on_either_side_and_shallow_or_deep(everyone):
    middle = np.array([np.argwhere(phantom.mask).mean(axis=0) / SIZE for phantom in everyone])
    assert np.quantile(middle[:, 1], 0.15) < 0.42
    assert np.quantile(middle[:, 1], 0.85) > 0.58
    assert middle[:, 1].mean() == pytest.approx(0.5, abs=0.04)
    assert np.ptp(np.quantile(middle[:, 0], [0.1, 0.9])) > 0.15
