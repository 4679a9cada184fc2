"""From an image as stored to the network's input.

The whole image is stretched to a square. Its aspect ratio is given up for a simple and exact way
back: a heatmap stretched over the whole image lies where it belongs, with no crop or padding to
undo.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's channel means and standard deviations, R, G, B, of values in [0, 1]."""


def preprocess(image: np.ndarray, *, size: int) -> Tensor:
    """One RGB image -> normalised network input.

    Parameters
    ----------
    image
        uint8, (H, W, 3), any H and W from 1 on.
    size
        Side S of the square input in pixels, e.g. `CLAHDM.input_size`.

    Returns
    -------
    Tensor
        float32, (3, S, S), on the CPU: resized (bilinear, antialiased), scaled to [0, 1], then
        (value - MEAN) / STD by channel.

    Raises
    ------
    ValueError
        If the image has another dtype or shape or no pixels, or the size is not positive.
    """
    return normalise(resize(image, size=size))


def resize(image: np.ndarray, *, size: int) -> Tensor:
    """The first half of `preprocess`: the same image as float32 (3, S, S), values in [0, 255]."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
    if size < 1:
        raise ValueError(f"size must be positive, got {size}")
    pixels = torch.from_numpy(image.copy(order="C")).permute(2, 0, 1)[None].float()
    return interpolate(pixels, (size, size), mode="bilinear", align_corners=False, antialias=True)[
        0
    ]


def normalise(pixels: Tensor) -> Tensor:
    """The second half: floating point (..., 3, H, W) in [0, 255] -> the same, normalised."""
    mean, std = (pixels.new_tensor(values)[:, None, None] for values in (MEAN, STD))
    return (pixels / 255 - mean) / std


def specification(size: int) -> dict[str, Any]:
    """What `preprocess` does at this size, as JSON values, for the model card."""
    return {
        "size": size,
        "resize": "whole image to a square, bilinear, antialiased",
        "mean": list(MEAN),
        "std": list(STD),
    }
