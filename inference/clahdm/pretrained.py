"""ImageNet weights for the extractors, from a local file in torchvision's naming."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .backbone import build_backbone
from .weights_card import WeightsError

CLASSIFIER = {"fc.weight", "fc.bias"}
"""Entries of a torchvision checkpoint that an extractor has no use for."""

_UNREADABLE = (SafetensorError, UnpicklingError, OSError, EOFError)


def read_imagenet(path: str | Path, *, architecture: str) -> dict[str, Tensor]:
    """Read a torchvision ResNet checkpoint into an extractor's state dict, on the CPU.

    A .safetensors file, or a .pth file through torch's restricted unpickler, which takes tensors
    and refuses code. Its names and shapes must be the extractor's, but for the classifier's.

    Raises WeightsError if they are not, a value is not finite, or the file can't be read.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        state = {name: value for name, value in state.items() if name not in CLASSIFIER}
        with torch.device("meta"):
            blank = build_backbone(architecture)
        blank.load_state_dict(state, strict=True, assign=True)
    except (*_UNREADABLE, RuntimeError, AttributeError, TypeError) as error:
        raise WeightsError(f"{path.name} is no checkpoint of {architecture}: {error}") from error
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise WeightsError(f"{path.name}: {name} holds a value that is not finite")
    return state
