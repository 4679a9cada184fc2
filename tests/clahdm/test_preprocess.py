import numpy as np
import pytest
import torch
from PIL import Image

from inference.clahdm.preprocess import preprocess, specification

MEAN = np.array([0.485, 0.456, 0.406])[:, None, None]
STD = np.array([0.229, 0.224, 0.225])[:, None, None]


def _levels(tensor: torch.Tensor) -> np.ndarray:
    """Normalisation undone: (3, S, S) grey levels 0 to 255."""
    return (tensor.numpy() * STD + MEAN) * 255


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 500), (224, 224), (767, 1023)])
def test_one_colour_stays_that_colour(height, width):
    image = np.full((height, width, 3), (255, 0, 51), dtype=np.uint8)
    tensor = preprocess(image, size=32)
    assert (tensor.dtype, tuple(tensor.shape)) == (torch.float32, (3, 32, 32))
    for channel, value in enumerate(((1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225)):
        np.testing.assert_allclose(tensor[channel], value, atol=1e-5)


def test_at_its_own_size_nothing_is_resampled():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        _levels(preprocess(image, size=32)), image.transpose(2, 0, 1), atol=1e-3
    )


def test_halving_by_hand():
    """A triangle of radius 2 on four pixels: weights 3/7, 3/7, 1/7, 0, and mirrored."""
    row = np.array([0, 70, 140, 210])
    image = np.broadcast_to(row[None, :, None], (4, 4, 3)).astype(np.uint8)
    levels = _levels(preprocess(image, size=2))
    left, right = (3 * 70 + 140) / 7, (70 + 3 * 140 + 3 * 210) / 7
    np.testing.assert_allclose(levels, np.broadcast_to([left, right], (3, 2, 2)), atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(600, 800), (100, 40)])
def test_agrees_with_pillow(height, width):
    """To one grey level, which Pillow rounds to after each of its two passes."""
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    reference = Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR)
    found = _levels(preprocess(image, size=64)).transpose(1, 2, 0)
    np.testing.assert_allclose(found, np.asarray(reference).astype(float), atol=1.01)


def test_whole_image_is_kept_where_it_was():
    image = np.zeros((90, 300, 3), dtype=np.uint8)
    image[:, 290:] = 255
    image[:5, :10] = 255
    levels = _levels(preprocess(image, size=32))[0]
    assert levels[:, -1].min() > 200
    assert levels[0, 0] > 100
    assert levels[-1, 0] < 1


def test_accepts_a_read_only_view_and_leaves_the_image_alone():
    image = np.random.default_rng(2).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    before = image.copy()
    view = image[::-1, :, ::-1]
    view.flags.writeable = False
    upright = preprocess(np.ascontiguousarray(view), size=8)
    assert torch.equal(preprocess(view, size=8), upright)
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.uint16),
    ],
)
def test_refuses_other_images(image):
    with pytest.raises(ValueError, match="expected uint8"):
        preprocess(image, size=32)


def test_refuses_no_size():
    with pytest.raises(ValueError, match="size"):
        preprocess(np.zeros((4, 4, 3), np.uint8), size=0)


def test_specification_says_what_is_done():
    found = specification(64)
    assert found["size"] == 64
    assert found["mean"] == MEAN.ravel().tolist()
    assert found["std"] == STD.ravel().tolist()
