"""Other people's Layer-CAM on our network: pytorch-grad-cam's and torchcam's.

Both get what their documentation asks for: a model in evaluation mode with one input, the last
block of the extractor as target layer, a whole batch at a time, the predicted class. As `predict`
does, they make a case's four maps and its three probabilities: levels 1 and 2 by Layer-CAM, the
branch that the gate left out by a forward pass without gradients.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from inference.clahdm.hierarchical_probabilities import MALIGNANCY_SUB_MODEL
from inference.clahdm.layercam import layer_cam
from inference.clahdm.network import CLAHDM, POSITIVE, SubModel
from readerstudy.diagnosis import Malignancy

REQUIREMENTS = Path(__file__).with_name("peers.txt")
AGREEMENT = 1e-3  # of a map's range

Explain = Callable[[SubModel, Tensor], tuple[Tensor, list]]
"""A sub-model and its cases, (B, 6, S, S) -> logits (B, 2), and the BUS and the CDFI maps."""


def install(folder: Path) -> None:
    """Put the pinned peers in a folder of their own, at the end of this process's path."""
    done = folder / "installed.txt"
    if not done.exists() or done.read_text() != REQUIREMENTS.read_text():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        subprocess.run([*pip, "--target", folder, "-r", REQUIREMENTS], check=True)
        done.write_text(REQUIREMENTS.read_text())
    sys.path.append(str(folder))
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):  # RuntimeError: it was built for another torch
        for name in ("", ".transforms", ".transforms.functional"):
            sys.modules[f"torchvision{name}"] = _StandIn(f"torchvision{name}")


class _StandIn(ModuleType):
    """Has whatever name is imported from it; Layer-CAM calls none of them."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(*_args, **_kwargs):
            raise RuntimeError(f"{self.__name__}.{name} is a stand-in")

        return refuse


class _OneInput(nn.Module):
    """A sub-model as peers want it: BUS and CDFI are channels of one tensor."""

    def __init__(self, sub_model: SubModel) -> None:
        super().__init__()
        self.sub_model = sub_model

    def forward(self, stacked: Tensor) -> Tensor:
        return self.sub_model(*stacked.split(3, dim=1))


def with_grad_cam(sub_model: SubModel, stacked: Tensor) -> tuple[Tensor, list[np.ndarray]]:
    """pytorch-grad-cam: one call a target layer, since it averages the maps of several.

    A call runs the sub-model forward and all the way back.
    """
    from pytorch_grad_cam import LayerCAM

    maps = []
    for extractor in (sub_model.bus_extractor, sub_model.cdfi_extractor):
        target_layers = [extractor.layer4[-1]]
        with LayerCAM(model=_OneInput(sub_model), target_layers=target_layers) as cam:
            maps.append(cam(input_tensor=stacked, targets=None))
            logits = cam.outputs.detach()
    return logits, maps


def with_torchcam(sub_model: SubModel, stacked: Tensor) -> tuple[Tensor, list[Tensor]]:
    """torchcam: both target layers in one call, which goes back no further than these."""
    from torchcam.methods import LayerCAM

    model = _OneInput(sub_model)
    layers = [each.layer4[-1] for each in (sub_model.bus_extractor, sub_model.cdfi_extractor)]
    with LayerCAM(model, layers) as cam:
        logits = model(stacked)
        maps = cam(class_idx=logits.argmax(dim=1).tolist(), scores=logits)
    return logits.detach(), maps


def diagnose(model: CLAHDM, stacked: Tensor, explain: Explain) -> None:
    """Three probabilities and four maps of every case, (B, 6, S, S), gated at 0.5."""
    logits, _ = explain(model[MALIGNANCY_SUB_MODEL], stacked)
    is_malignant = logits.argmax(dim=1) == POSITIVE
    for branch in Malignancy:
        mine = is_malignant == (branch is Malignancy.MALIGNANT)
        explain(model[branch.value], stacked[mine])
        with torch.no_grad():
            model[branch.value](*stacked[~mine].split(3, dim=1))


def check_agreement(model: CLAHDM, stacked: Tensor) -> None:
    """Raise AssertionError unless both peers' maps are ours, to a thousandth of a map's range."""
    from pytorch_grad_cam.utils.image import scale_cam_image

    for name, sub_model in model.items():
        with torch.no_grad():
            ours = layer_cam(sub_model.head, *sub_model.features(*stacked.split(3, dim=1)))
        _, large = with_grad_cam(sub_model, stacked)
        _, small = with_torchcam(sub_model, stacked)
        for own, scaled, plain in zip(ours, large, small, strict=True):
            own_map = own.cpu().numpy()
            as_scaled = scale_cam_image(scale_cam_image(own_map, stacked.shape[-2:]))
            _close(as_scaled, scaled, f"{name}: pytorch-grad-cam")
            _close(_stretch(own_map), plain.cpu().numpy(), f"{name}: torchcam")


def _stretch(maps: np.ndarray) -> np.ndarray:
    low, high = (f(maps, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    return (maps - low) / (high - low)


def _close(ours: np.ndarray, theirs: np.ndarray, name: str) -> None:
    distance = np.abs(ours - theirs).max()
    if not distance <= AGREEMENT:
        raise AssertionError(f"{name} and we differ by {distance:.2g} of the map's range")
