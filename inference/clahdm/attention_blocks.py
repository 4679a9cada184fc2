"""The two attention blocks of a sub-model.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

import torch
from torch import Tensor, nn

COLOUR_CHANNELS = 3


class ChannelAttention(nn.Module):
    """Reweights the R, G and B channels of the CDFI image by what the image holds.

    The three global channel means pass a small fully connected block and a softmax; each channel
    is multiplied by its weight. The softmax weights are multiplied by 3, so that they average 1
    and equal attention leaves the image as it is: ImageNet filters then see the scale they were
    trained on. The last layer starts at zero, which makes the untrained block that identity.
    """

    def __init__(self, hidden: int = 10) -> None:
        super().__init__()
        self.squeeze = nn.Linear(COLOUR_CHANNELS, hidden)
        self.excite = nn.Linear(hidden, COLOUR_CHANNELS)
        nn.init.zeros_(self.excite.weight)
        nn.init.zeros_(self.excite.bias)

    def weights(self, image: Tensor) -> Tensor:
        """Image (B, 3, H, W) -> channel weights (B, 3), positive, each row summing to 3."""
        means = image.mean(dim=(2, 3))
        scores = self.excite(torch.relu(self.squeeze(means)))
        return COLOUR_CHANNELS * torch.softmax(scores, dim=1)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised CDFI image (B, 3, H, W) -> the same shape and dtype, channels reweighted."""
        return image * self.weights(image)[:, :, None, None]


class ModalityFusionAttention(nn.Module):
    """Rescales the CDFI feature maps channel by channel in the light of the BUS features.

    Global average pooling of the BUS maps, one fully connected layer, a sigmoid: one weight in
    (0, 1) for each CDFI channel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Linear(channels, channels)

    def weights(self, bus_features: Tensor) -> Tensor:
        """Pooled BUS features (B, C) -> channel weights (B, C) in (0, 1)."""
        return torch.sigmoid(self.gate(bus_features))

    def forward(self, bus_maps: Tensor, cdfi_maps: Tensor) -> Tensor:
        """BUS maps (B, C, h, w), CDFI maps (B, C, h', w') -> CDFI maps rescaled, (B, C, h', w')."""
        return cdfi_maps * self.weights(bus_maps.mean(dim=(2, 3)))[:, :, None, None]
