"""The extractors; "resnet50" against torchvision's naming rule and arithmetic, restated here."""

import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, max_pool2d, relu

from inference.clahdm.backbone import ARCHITECTURES, STRIDE, build_backbone

STAGES = {1: (3, 64), 2: (4, 128), 3: (6, 256), 4: (3, 512)}  # blocks, width


def _batch_norm_entries(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{v}": (channels,) for v in vectors} | {f"{name}.num_batches_tracked": ()}


def _torchvision_resnet50() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published ImageNet checkpoint of ResNet-50."""
    entries = {"conv1.weight": (64, 3, 7, 7)} | _batch_norm_entries("bn1", 64)
    incoming = 64
    for stage, (blocks, width) in STAGES.items():
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            entries[f"{at}.conv1.weight"] = (width, incoming, 1, 1)
            entries[f"{at}.conv2.weight"] = (width, width, 3, 3)
            entries[f"{at}.conv3.weight"] = (4 * width, width, 1, 1)
            for number, channels in ((1, width), (2, width), (3, 4 * width)):
                entries |= _batch_norm_entries(f"{at}.bn{number}", channels)
            if block == 0:
                entries[f"{at}.downsample.0.weight"] = (4 * width, incoming, 1, 1)
                entries |= _batch_norm_entries(f"{at}.downsample.1", 4 * width)
            incoming = 4 * width
    return entries | {"fc.weight": (1000, 2048), "fc.bias": (1000,)}


def _torchvision_features(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """ResNet-50's final-stage maps, worked out from a checkpoint with bare functions."""

    def norm(x, name):
        statistics = (state[f"{name}.{v}"] for v in ("running_mean", "running_var"))
        return batch_norm(x, *statistics, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-5)

    x = relu(norm(conv2d(x, state["conv1.weight"], stride=2, padding=3), "bn1"))
    x = max_pool2d(x, 3, stride=2, padding=1)
    for stage, (blocks, _) in STAGES.items():
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            stride = 2 if block == 0 and stage > 1 else 1
            y = relu(norm(conv2d(x, state[f"{at}.conv1.weight"]), f"{at}.bn1"))
            y = conv2d(y, state[f"{at}.conv2.weight"], stride=stride, padding=1)
            y = conv2d(relu(norm(y, f"{at}.bn2")), state[f"{at}.conv3.weight"])
            if block == 0:
                x = conv2d(x, state[f"{at}.downsample.0.weight"], stride=stride)
                x = norm(x, f"{at}.downsample.1")
            x = relu(norm(y, f"{at}.bn3") + x)
    return x


def _checkpoint() -> dict[str, torch.Tensor]:
    """Random values under torchvision's names, scaled so that activations stay moderate."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in _torchvision_resnet50().items():
        value = torch.randn(shape, generator=generator)
        if len(shape) == 4:
            value *= (2 / value[0].numel()) ** 0.5
        elif name.endswith("num_batches_tracked"):
            value = torch.tensor(7)
        elif name.endswith(("running_var", "weight")) and len(shape) == 1:
            value = 0.5 + value.abs() / 4
        state[name] = value
    return state


def test_resnet50_has_torchvisions_names_and_shapes():
    expected = _torchvision_resnet50()
    assert len(expected) == 320
    del expected["fc.weight"], expected["fc.bias"]
    state = build_backbone("resnet50").state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == expected


def test_imagenet_checkpoint_loads_strictly_and_means_the_same():
    """Agreement to 1e-4 of the largest activation, float32."""
    checkpoint = _checkpoint()
    extractor = build_backbone("resnet50").eval()
    features = {name: v for name, v in checkpoint.items() if not name.startswith("fc.")}
    extractor.load_state_dict(features, strict=True)
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found, expected = extractor(image), _torchvision_features(checkpoint, image)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize(("name", "channels"), [("resnet50", 2048), ("tiny", 128)])
def test_final_stage_is_a_thirty_second_of_the_input(name, channels):
    extractor = build_backbone(name).eval()
    with torch.no_grad():
        maps = extractor(torch.randn(2, 3, 64, 96))
    assert maps.shape == (2, channels, 2, 3)
    assert extractor.out_channels == ARCHITECTURES[name].out_channels == channels
    assert ARCHITECTURES[name].input_size % STRIDE == 0
    assert (maps >= 0).all()


def test_unknown_architecture_is_named():
    with pytest.raises(ValueError, match=r"'resnet51'.*resnet50, tiny"):
        build_backbone("resnet51")
