"""The network: a sub-model, and the three of them that make CLA-HDM.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z. The paper is
followed where the authors' public code differs: fusion attention is in, the auxiliary classifiers
of the single branches are not.
"""

import torch
from torch import Tensor, nn

from .attention_blocks import ChannelAttention, ModalityFusionAttention
from .backbone import build_backbone, find_architecture
from .hierarchical_probabilities import SUB_MODELS

NEGATIVE, POSITIVE = 0, 1
"""Columns of a sub-model's logits."""


class SubModel(nn.Module):
    """One binary decision from a BUS and a CDFI image.

    `features` runs the two extractors, `head` all that comes after them. Heatmaps are taken on
    what passes between: the final-stage maps as the extractors give them. The head uses the BUS
    maps twice, for the classifier and for the fusion weights, and their gradient has both parts.
    The CDFI maps are those before fusion rescales them; since the fusion weights are positive,
    Layer-CAM on the rescaled maps would be the very same.

    Raises ValueError for an unknown architecture.
    """

    def __init__(self, architecture: str) -> None:
        super().__init__()
        channels = find_architecture(architecture).out_channels
        self.bus_extractor = build_backbone(architecture)
        self.channel_attention = ChannelAttention()
        self.cdfi_extractor = build_backbone(architecture)
        self.fusion_attention = ModalityFusionAttention(channels)
        self.joint = nn.Linear(2 * channels, channels // 4)
        self.classifier = nn.Linear(channels // 4, 2)

    def features(self, bus: Tensor, cdfi: Tensor) -> tuple[Tensor, Tensor]:
        """Two images (B, 3, S, S) -> BUS and CDFI final-stage maps, each (B, C, S/32, S/32)."""
        return self.bus_extractor(bus), self.cdfi_extractor(self.channel_attention(cdfi))

    def head(self, bus_maps: Tensor, cdfi_maps: Tensor) -> Tensor:
        """Two sets of maps (B, C, h, w) -> logits (B, 2), negative class first.

        Cases do not touch each other here: row i depends on case i alone.
        """
        fused_maps = self.fusion_attention(bus_maps, cdfi_maps)
        pooled = torch.cat([bus_maps.mean(dim=(2, 3)), fused_maps.mean(dim=(2, 3))], dim=1)
        return self.classifier(torch.relu(self.joint(pooled)))

    def forward(self, bus: Tensor, cdfi: Tensor) -> Tensor:
        """Two images (B, 3, S, S) -> logits (B, 2), negative class first."""
        return self.head(*self.features(bus, cdfi))


class CLAHDM(nn.ModuleDict):
    """The three sub-models by their names in `gating.SUB_MODELS`; they share no weight.

    Raises ValueError for an unknown architecture.
    """

    def __init__(self, architecture: str) -> None:
        super().__init__({name: SubModel(architecture) for name in SUB_MODELS})
        self.architecture = architecture

    @property
    def input_size(self) -> int:
        """Side S of the square images it takes, in pixels."""
        return find_architecture(self.architecture).input_size

    def forward(self, bus: Tensor, cdfi: Tensor) -> Tensor:
        """Two images (B, 3, S, S) -> each sub-model's positive-class probability, (B, 3)."""
        logits = [sub_model(bus, cdfi) for sub_model in self.values()]
        return torch.stack([positive_probability(each) for each in logits], dim=1)


def positive_probability(logits: Tensor) -> Tensor:
    """Logits (B, 2) -> probability of the positive class (B,), in the logits' dtype."""
    return torch.softmax(logits, dim=1)[:, POSITIVE]
