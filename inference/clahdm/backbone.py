"""The feature extractors: residual networks without pooling and classifier, by name.

"resnet50" is the published one (He et al., CVPR 2016, doi 10.1109/CVPR.2016.90; Zhu et al.,
doi 10.1186/s12916-022-02469-z). "tiny" is a ten-layer residual network of a quarter of the
width, for tests, demonstrations and machines without a GPU; it is not the published model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from monai.networks.nets.resnet import ResNet
from torch import Tensor

STRIDE = 32
"""Input pixels per final-stage feature cell, in each direction."""


@dataclass(frozen=True)
class Architecture:
    """The shape of one extractor."""

    block: str
    """"bottleneck" (three convolutions, output 4 x width) or "basic" (two, output 1 x width)."""
    blocks: tuple[int, int, int, int]
    """Residual blocks in each of the four stages."""
    widths: tuple[int, int, int, int]
    """Channels inside the blocks of each stage."""
    input_size: int
    """Side S of the square input, in pixels; a multiple of 32."""

    @property
    def out_channels(self) -> int:
        """Channels C of the final stage."""
        return self.widths[-1] * (4 if self.block == "bottleneck" else 1)


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "resnet50": Architecture("bottleneck", (3, 4, 6, 3), (64, 128, 256, 512), input_size=224),
        "tiny": Architecture("basic", (1, 1, 1, 1), (16, 32, 64, 128), input_size=160),
    }
)


class Extractor(ResNet):
    """MONAI's 2-D residual network up to its final stage.

    For "resnet50" the 318 entries of the state dict have the names and shapes of torchvision's
    resnet50 (stride in the 3 x 3 convolution, no bias in the shortcut), so an ImageNet checkpoint
    loads with strict=True once its `fc.weight` and `fc.bias` are left out.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(
            architecture.block,
            list(architecture.blocks),
            list(architecture.widths),
            spatial_dims=2,
            n_input_channels=3,
            conv1_t_size=7,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,
        )
        self.out_channels = architecture.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) floating point -> final-stage maps (B, C, H/32, W/32), not negative."""
        x = self.maxpool(self.act(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def build_backbone(architecture: str) -> Extractor:
    """A freshly initialised extractor, float32, from torch's global random state.

    Raises ValueError for a name that is not in ARCHITECTURES.
    """
    return Extractor(find_architecture(architecture))


def find_architecture(name: str) -> Architecture:
    """The architecture of that name; ValueError, naming the known ones, if there is none."""
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
