"""Layer-CAM heatmaps of a sub-model's decision.

Source: Jiang et al., IEEE Transactions on Image Processing 2021, 30:5875-5888,
doi 10.1109/TIP.2021.3089943. Only the head is differentiated: gradients on the final-stage maps
need nothing from the extractors, which may run without gradients.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class CamPair(NamedTuple):
    """Heatmaps of a batch, each (B, h, w) with values in [0, 1]."""

    bus: Tensor
    cdfi: Tensor


def layer_cam(
    head: Callable[[Tensor, Tensor], Tensor],
    bus_maps: Tensor,
    cdfi_maps: Tensor,
    *,
    target: Tensor | None = None,
) -> CamPair:
    """Layer-CAM on both modalities' final-stage maps, for one class a case.

    Parameters
    ----------
    head
        `SubModel.head`: two sets of maps -> logits (B, 2), each row from its own case alone.
        Its parameters' gradients are left untouched.
    bus_maps, cdfi_maps
        (B, C, h, w), floating point; their history is ignored.
    target
        (B,) int64, the class each case is explained for. Default: the class with the larger logit.

    Returns
    -------
    CamPair
        relu(gradient of the target's logit) x activation, summed over channels, relu, divided by
        the map's own maximum. Dtype and device of the maps. A map without positive evidence is
        all zero. Values compare within a map, not between maps.
    """
    with torch.enable_grad():
        bus_maps = bus_maps.detach().requires_grad_()
        cdfi_maps = cdfi_maps.detach().requires_grad_()
        logits = head(bus_maps, cdfi_maps)
        if target is None:
            target = logits.detach().argmax(dim=1)
        score = logits.gather(1, target[:, None]).sum()
        bus_gradient, cdfi_gradient = torch.autograd.grad(score, (bus_maps, cdfi_maps))
    return CamPair(
        _weigh(bus_maps.detach(), bus_gradient), _weigh(cdfi_maps.detach(), cdfi_gradient)
    )


def to_uint8(maps: Tensor) -> np.ndarray:
    """Maps with values in [0, 1], any shape -> uint8 array of that shape, 255 for 1.

    Raises ValueError if a value is NaN or outside [0, 1].
    """
    values = maps.detach().float().cpu().numpy()
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError("heatmap values must lie in [0, 1]")
    return np.rint(values * 255).astype(np.uint8)


def _weigh(maps: Tensor, gradient: Tensor) -> Tensor:
    cam = torch.relu((torch.relu(gradient) * maps).sum(dim=1))
    peak = cam.amax(dim=(1, 2), keepdim=True)
    return torch.where(peak == 0, torch.zeros_like(cam), cam / peak)
