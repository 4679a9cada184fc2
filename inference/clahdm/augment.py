"""Training images varied as ultrasound varies: probe, position and machine settings.

Geometry moves the BUS and the CDFI image of a case alike, for they show the same plane. Gain and
speckle are the B-mode picture's: they act on grey pixels and leave Doppler colours, whose hue is
a direction of flow and whose brightness is a velocity, as they are.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

COLOURED = 32.0
"""Largest minus smallest channel, of 255, from which on a pixel is Doppler colour, not grey."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far a case may be varied; each amount is drawn uniformly within its bounds."""

    flip: float = 0.5
    """Probability of a left-right flip."""
    rotation: float = 15.0
    """Degrees, either way."""
    scale: float = 0.25
    """Relative change of size, either way."""
    shift: float = 0.12
    """Share of the image's side, either way, in each direction."""
    gain: float = 0.3
    """Relative change of brightness at the top and, apart from it, at the bottom of the image:
    time gain compensation, interpolated over depth."""
    contrast: float = 0.3
    """Change of the exponent of brightness, either way."""
    speckle: float = 0.15
    """Largest standard deviation of multiplicative noise, relative."""


def augment(
    bus: Tensor, cdfi: Tensor, *, generator: torch.Generator, amount: Augmentation | None = None
) -> tuple[Tensor, Tensor]:
    """Vary a batch of cases, each in its own way.

    Parameters
    ----------
    bus, cdfi
        (B, 3, S, S), uint8 or floating point, values in [0, 255]; row i of both is case i.
    generator
        On the CPU, where everything random is drawn, so that all devices see the same cases.
    amount
        Default: `Augmentation()`.

    Returns
    -------
    tuple[Tensor, Tensor]
        Float32, same shapes and devices, values in [0, 255]. What moves in from outside is black.
    """
    amount = amount or Augmentation()
    theta = _draw_geometry(len(bus), generator, amount)
    moved = (_move(images.float(), theta) for images in (bus, cdfi))
    bus, cdfi = (_resettle(images, generator, amount) for images in moved)
    return bus, cdfi


def _draw_geometry(cases: int, generator: torch.Generator, amount: Augmentation) -> Tensor:
    """(B, 2, 3) float32: where each output point, in [-1, 1], is taken from."""
    mirror = 1 - 2 * (torch.rand(cases, generator=generator) < amount.flip).float()
    angle = math.radians(amount.rotation) * _either_way(cases, generator)
    scale = 1 / (1 + amount.scale * _either_way(cases, generator))
    across, down = 2 * amount.shift * _either_way((2, cases), generator)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = [mirror * cos, -mirror * sin, across, sin, cos, down]
    return torch.stack(rows, dim=1).view(cases, 2, 3)


def _move(images: Tensor, theta: Tensor) -> Tensor:
    grid = affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _resettle(images: Tensor, generator: torch.Generator, amount: Augmentation) -> Tensor:
    """Other gain, contrast and speckle on the grey pixels; R, G and B keep their proportions."""
    cases, _, height, width = images.shape
    ends = 1 + amount.gain * _either_way((cases, 1, 2, 1), generator)
    exponent = amount.contrast * _either_way((cases, 1, 1, 1), generator)
    strength = amount.speckle * torch.rand((cases, 1, 1, 1), generator=generator)
    grains = torch.randn((cases, 1, height // 2, width // 2), generator=generator) * strength
    ends, exponent, grains = (each.to(images.device) for each in (ends, exponent, grains))
    gain = interpolate(ends, (height, 1), mode="bilinear", align_corners=True)
    noise = 1 + interpolate(grains, (height, width), mode="bilinear", align_corners=False)
    brightest, least = images.amax(dim=1, keepdim=True), images.amin(dim=1, keepdim=True)
    factor = gain * noise.clamp(min=0) * (brightest.clamp(min=1) / 255) ** exponent
    greyness = (1 - (brightest - least) / COLOURED).clamp(min=0)
    factor = 1 + greyness * (factor - 1)
    factor = torch.minimum(factor, 255 / brightest.clamp(min=1))
    return (images * factor).clamp(max=255)  # the product may round to a little more


def _either_way(shape: int | tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform in [-1, 1)."""
    return 2 * torch.rand(shape, generator=generator) - 1
