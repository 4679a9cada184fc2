"""The feature extractors: residual networks without pooling and classifier, by name.

"resnet50" is the published one (He et al., CVPR 2016, doi 10.1109/CVPR.2016.90; Zhu et al.,
doi 10.1186/s12916-022-02469-z). "tiny" is a ten-layer residual network of a quarter of the
width, for tests, demonstrations and machines without a GPU; it is not the published model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn

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


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions, and the input added to what comes of them."""

    expansion = 1

    def __init__(self, incoming: int, width: int, stride: int, downsample: nn.Module | None):
        super().__init__()
        self.conv1 = _convolution(incoming, width, 3, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.act = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(B, incoming, H, W) -> (B, width, H/stride, W/stride), not negative."""
        y = self.act(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.act(y)


class Bottleneck(nn.Module):
    """A 1 x 1, a 3 x 3 and a 1 x 1 convolution, and the input added to what comes of them."""

    expansion = 4

    def __init__(self, incoming: int, width: int, stride: int, downsample: nn.Module | None):
        super().__init__()
        self.conv1 = _convolution(incoming, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, stride=stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, self.expansion * width, 1)
        self.bn3 = nn.BatchNorm2d(self.expansion * width)
        self.act = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(B, incoming, H, W) -> (B, 4 x width, H/stride, W/stride), not negative."""
        y = self.act(self.bn1(self.conv1(x)))
        y = self.act(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.act(y)


BLOCKS: Mapping[str, type[BasicBlock] | type[Bottleneck]] = MappingProxyType(
    {"basic": BasicBlock, "bottleneck": Bottleneck}
)


class Extractor(nn.Module):
    """A residual network up to its final stage.

    For "resnet50" the 318 entries of the state dict have the names and shapes of torchvision's
    resnet50 (stride in the 3 x 3 convolution, no bias in the shortcut), so an ImageNet checkpoint
    loads with strict=True once its `fc.weight` and `fc.bias` are left out.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        block, widths = BLOCKS[architecture.block], architecture.widths
        self.conv1 = _convolution(3, widths[0], 7, stride=2)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.act = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        incoming = (widths[0], *(block.expansion * width for width in widths[:3]))
        for stage, (blocks, width) in enumerate(zip(architecture.blocks, widths, strict=True)):
            layer = _stage(block, incoming[stage], width, blocks, stride=2 if stage else 1)
            self.add_module(f"layer{stage + 1}", layer)
        self.out_channels = architecture.out_channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) floating point -> final-stage maps (B, C, H/32, W/32), not negative."""
        x = self.maxpool(self.act(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def _convolution(incoming: int, outgoing: int, side: int, *, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the size but for its stride."""
    return nn.Conv2d(
        incoming, outgoing, kernel_size=side, stride=stride, padding=side // 2, bias=False
    )


def _stage(
    block: type[BasicBlock] | type[Bottleneck],
    incoming: int,
    width: int,
    blocks: int,
    *,
    stride: int,
) -> nn.Sequential:
    """Residual blocks in a row; the first one changes size and channels, its shortcut too."""
    outgoing = block.expansion * width
    downsample = None
    if stride != 1 or incoming != outgoing:
        downsample = nn.Sequential(
            _convolution(incoming, outgoing, 1, stride=stride), nn.BatchNorm2d(outgoing)
        )
    first = block(incoming, width, stride, downsample)
    return nn.Sequential(first, *(block(outgoing, width, 1, None) for _ in range(1, blocks)))


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
