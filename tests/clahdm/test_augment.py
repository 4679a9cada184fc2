"""Augmentation: both images move alike, and Doppler colours stay what they mean."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.clahdm.augment import Augmentation, augment
from readerstudy.demo.phantoms import draw_phantom
from readerstudy.diagnosis import Etiology

STILL = Augmentation(flip=0, rotation=0, scale=0, shift=0, gain=0, contrast=0, speckle=0)
MOVING = replace(Augmentation(), gain=0.0, contrast=0.0, speckle=0.0)
SETTINGS = replace(STILL, gain=0.2, contrast=0.2, speckle=0.08)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def phantom():
    """BUS and CDFI, (4, 3, 96, 128) uint8."""
    drawn = [draw_phantom(etiology=e, seed=1, size=(96, 128)) for e in Etiology]
    return tuple(
        torch.from_numpy(np.stack([getattr(each, name) for each in drawn])).permute(0, 3, 1, 2)
        for name in ("bus", "cdfi")
    )


def test_the_same_generator_gives_the_same_images(phantom):
    first, again, other = (augment(*phantom, generator=generator(seed)) for seed in (0, 0, 1))
    assert all(map(torch.equal, first, again))
    assert not any(map(torch.equal, first, other))
    for image, before in zip(first, phantom, strict=True):
        assert (image.dtype, image.shape) == (torch.float32, before.shape)
        assert image.min() >= 0
        assert image.max() <= 255


def test_no_amount_changes_nothing(phantom):
    """To a hundredth of a level: the grid's arithmetic is in float32."""
    for image, before in zip(
        augment(*phantom, generator=generator(), amount=STILL), phantom, strict=True
    ):
        assert torch.allclose(image, before.float(), atol=0.01)


def test_both_images_of_a_case_move_alike_and_each_case_in_its_own_way(phantom):
    bus, _ = phantom
    same = bus[:1].expand(8, -1, -1, -1)
    moved, moved_too = augment(same, same, generator=generator(), amount=MOVING)
    assert torch.equal(moved, moved_too)
    assert all(not torch.equal(moved[0], each) for each in moved[1:])


def test_a_flip_is_left_right(phantom):
    for image, before in zip(
        augment(*phantom, generator=generator(), amount=replace(STILL, flip=1.0)),
        phantom,
        strict=True,
    ):
        assert torch.allclose(image, before.flip(-1).float(), atol=0.01)


def test_geometry_stays_within_its_bounds():
    """A bright square of known place and size: moved by at most the shift, the turn and scale."""
    image = torch.zeros(64, 3, 100, 100)
    image[..., 40:60, 40:60] = 255
    amount = Augmentation(flip=0.5)
    for moved in augment(image, image, generator=generator(), amount=amount):
        lit = (moved[:, 0] > 80).nonzero()
        for case in range(64):
            centre = lit[lit[:, 0] == case][:, 1:].float().mean(dim=0)
            assert (centre - 49.5).abs().max() <= 100 * amount.shift * (1 + amount.scale) + 1
        assert ((moved[:, 0] / 255).sum(dim=(1, 2)) ** 0.5 / 20).sub(
            1
        ).abs().max() < amount.scale + 0.2


def _hue(pixels: np.ndarray) -> np.ndarray:
    return np.array([colorsys.rgb_to_hsv(*pixel)[0] for pixel in pixels / 255])


def test_machine_settings_leave_doppler_colours_alone(phantom):
    """Plainly coloured pixels to 0.01 of 255 in every channel; the grey ones do change."""
    _, cdfi = phantom
    _, changed = augment(*phantom, generator=generator(), amount=SETTINGS)
    spread = (cdfi.amax(dim=1) - cdfi.amin(dim=1))[:, None].expand_as(cdfi)
    assert (spread >= 32).sum() > 300
    assert torch.allclose(changed[spread >= 32], cdfi[spread >= 32].float(), atol=0.01)
    assert (changed - cdfi.float())[spread == 0].abs().mean() > 1


def test_hue_is_kept_at_every_saturation():
    """Any colour whatever, hue to 1e-3 of a turn; grey stays grey."""
    colours = torch.randint(20, 256, (1, 3, 32, 32), generator=generator())
    colours[..., :4] = colours[:, :1, :, :4]
    _, changed = augment(colours, colours, generator=generator(), amount=SETTINGS)
    before, after = (
        each[0].flatten(1).T.numpy().astype(np.float64) for each in (colours.float(), changed)
    )
    turn = np.abs(_hue(before) - _hue(after))
    clear = np.ptp(before, axis=1) >= 4
    assert np.minimum(turn, 1 - turn)[clear].max() < 1e-3
    assert changed[..., :4].std(dim=1).max() < 1e-3


def test_gain_follows_depth():
    """With gain alone, brightness changes evenly from top to bottom, alike across."""
    grey = torch.full((1, 3, 64, 32), 100.0)
    changed, _ = augment(grey, grey, generator=generator(3), amount=replace(STILL, gain=0.2))
    assert torch.allclose(changed, changed[..., :1].expand_as(changed), atol=1e-3)
    steps = changed[0, 0, :, 0].diff()
    assert torch.allclose(steps, steps.mean().expand_as(steps), atol=0.02)
    assert 80 <= changed.min() <= changed.max() <= 120
