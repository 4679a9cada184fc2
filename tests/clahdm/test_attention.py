import math

import torch

from inference.clahdm.attention_blocks import ChannelAttention, ModalityFusionAttention


def _image(*means: float) -> torch.Tensor:
    """(1, 3, 2, 2) with these channel means and some contrast around them."""
    contrast = torch.tensor([[1.0, -1.0], [0.5, -0.5]])
    return torch.stack([mean + contrast for mean in means])[None]


def test_channel_attention_by_hand():
    attention = ChannelAttention(hidden=2)
    with torch.no_grad():
        attention.squeeze.weight.copy_(torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, -1.0]]))
        attention.squeeze.bias.copy_(torch.tensor([-1.0, 0.5]))
        attention.excite.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]))
        attention.excite.bias.copy_(torch.tensor([0.0, 0.25, 0.0]))
    image = _image(0.5, 0.75, 2.0)
    # Hidden: relu(0.5 + 1.5 - 1) = 1 and relu(-2 + 0.5) = 0; scores 1, 0.25, 0.5.
    powers = [math.exp(1.0), math.exp(0.25), math.exp(0.5)]
    expected = [3 * power / sum(powers) for power in powers]
    reweighted = attention(image)
    for channel, weight in enumerate(expected):
        torch.testing.assert_close(reweighted[0, channel], image[0, channel] * weight)


def test_channel_weights_average_one_and_start_as_identity():
    attention = ChannelAttention()
    image = torch.randn(4, 3, 5, 7)
    torch.testing.assert_close(attention(image), image)
    torch.nn.init.normal_(attention.excite.weight)
    weights = attention.weights(image)
    assert (weights > 0).all()
    assert weights.std() > 0.01
    torch.testing.assert_close(weights.sum(dim=1), torch.full((4,), 3.0))


def test_fusion_attention_rescales_channel_by_channel():
    channels = 6
    fusion = ModalityFusionAttention(channels)
    bus, cdfi = torch.randn(2, channels, 4, 4), torch.randn(2, channels, 4, 4)
    rescaled = fusion(bus, cdfi)
    for case in range(2):
        pooled = bus[case].reshape(channels, -1).mean(1)
        scores = fusion.gate.weight @ pooled + fusion.gate.bias
        for channel in range(channels):
            factor = 1 / (1 + math.exp(-scores[channel].item()))
            torch.testing.assert_close(rescaled[case, channel], cdfi[case, channel] * factor)


def test_fusion_weights_come_from_bus_alone():
    fusion = ModalityFusionAttention(3)
    bus, ones = torch.randn(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    torch.testing.assert_close(fusion(bus, 5 * ones), 5 * fusion(bus, ones))
    assert not torch.allclose(fusion(bus + 1, ones), fusion(bus, ones))
