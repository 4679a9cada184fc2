"""Images in, probabilities and heatmaps out: what the worker calls.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z: two levels x two
modalities = four heatmaps a case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from readerstudy.diagnosis import Malignancy, Modality

from .hierarchical_probabilities import (
    DEFAULT_THRESHOLD,
    MALIGNANCY_SUB_MODEL,
    HierarchicalProbabilities,
    gate,
)
from .layercam import layer_cam, to_uint8
from .network import CLAHDM, SubModel, positive_probability

Heatmaps = dict[tuple[int, Modality], np.ndarray]

Path = Literal["all", "gated"]
"""Which sub-models a case goes through: all three, or the first and the one its gate chooses."""

Precision = Literal["fp32", "bf16"]
"""What the extractors compute in: float32, or bfloat16 where that loses little (autocast)."""


class NonFiniteError(ArithmeticError):
    """A sub-model gave NaN or infinity; the message names it and the cases' rows in the batch."""


@dataclass(frozen=True, eq=False)
class CasePrediction:
    """What CLA-HDM says of one case."""

    probabilities: HierarchicalProbabilities
    """All three sub-models' probabilities; on the gated path None for the one not run."""
    heatmaps: Mapping[tuple[int, Modality], np.ndarray]
    """uint8 (S/32, S/32) by (level, modality), each to be stretched over its whole image.

    Level 1 explains sub-model 1's decision, level 2 that of the gated branch's sub-model.
    """


class _Run(NamedTuple):
    """One sub-model's pass over those rows of the batch that it was asked for."""

    sub_model: SubModel
    bus_maps: Tensor
    cdfi_maps: Tensor
    p_positive: dict[int, float]
    """By row of the batch, in the order of the maps."""


def predict(
    model: CLAHDM,
    bus: Tensor,
    cdfi: Tensor,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    path: Path = "all",
    precision: Precision = "fp32",
) -> list[CasePrediction]:
    """Diagnose a batch of cases.

    Parameters
    ----------
    model
        In evaluation mode, on any device.
    bus, cdfi
        (B, 3, S, S), finite, from `preprocess`; row i of both is case i. Moved to the model's
        device and dtype. B may be 0.
    threshold
        The gate's: probability of malignancy from which on a case is malignant. Take it from the
        model card.
    path
        "all" runs the three sub-models on every case, as a study needs. "gated" runs the first,
        then on each case only the branch that its gate chooses: two thirds of the work, the same
        diagnosis and heatmaps, and None for the probability that was not asked for.
    precision
        "bf16" has the extractors of a float32 model compute in bfloat16: faster where the device
        has it, and probabilities within about 0.01 of float32's, so that a case that close to the
        threshold may come out on its other side. The head and the heatmaps stay in float32.

    Returns
    -------
    list[CasePrediction]
        One a case, in the order of the batch; the same as if the case came alone, but for float
        rounding.

    Raises
    ------
    ValueError
        If the model is in training mode, the shapes do not fit, an image holds NaN or infinity,
        the threshold is outside [0, 1], or the path or the precision has another name.
    NonFiniteError
        If a sub-model gives NaN or infinity.
    """
    for name, value, known in (("path", path, Path), ("precision", precision, Precision)):
        if value not in get_args(known):
            raise ValueError(f"{name} must be one of {', '.join(get_args(known))}, got {value!r}")
    _check_inputs(model, bus, cdfi)
    like = next(model.parameters())
    # Channels last is the layout in which convolutions are fastest, on processors and GPUs alike.
    bus, cdfi = (each.to(like, memory_format=torch.channels_last) for each in (bus, cdfi))
    runs = _run_all(model, bus, cdfi, threshold=threshold, path=path, precision=precision)
    cases = [
        HierarchicalProbabilities(
            p, *(runs[branch.value].p_positive.get(row) for branch in Malignancy), threshold
        )
        for row, p in runs[MALIGNANCY_SUB_MODEL].p_positive.items()
    ]
    heatmaps = _heatmaps(runs, cases)
    return [CasePrediction(*pair) for pair in zip(cases, heatmaps, strict=True)]


def _run_all(
    model: CLAHDM,
    bus: Tensor,
    cdfi: Tensor,
    *,
    threshold: float,
    path: Path,
    precision: Precision,
) -> dict[str, _Run]:
    """Every sub-model's pass, over all rows or those of its branch."""

    def run(name: str, rows: list[int]) -> _Run:
        return _run(model, name, bus, cdfi, rows=rows, precision=precision)

    everyone = list(range(len(bus)))
    runs = {MALIGNANCY_SUB_MODEL: run(MALIGNANCY_SUB_MODEL, everyone)}
    first = runs[MALIGNANCY_SUB_MODEL].p_positive
    for branch in Malignancy:
        rows = everyone
        if path == "gated":
            rows = [row for row, p in first.items() if gate(p, threshold=threshold) is branch]
        runs[branch.value] = run(branch.value, rows)
    return runs


def _check_inputs(model: CLAHDM, bus: Tensor, cdfi: Tensor) -> None:
    if model.training:
        raise ValueError("the model is in training mode; call model.eval() first")
    expected = (3, model.input_size, model.input_size)
    for name, images in (("bus", bus), ("cdfi", cdfi)):
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            raise ValueError(f"{name}: expected (B, *{expected}), got {tuple(images.shape)}")
        if not torch.isfinite(images).all():
            raise ValueError(f"{name}: an image holds NaN or infinity")
    if len(bus) != len(cdfi):
        raise ValueError(f"{len(bus)} BUS images but {len(cdfi)} CDFI images")


@torch.inference_mode()
def _run(
    model: CLAHDM,
    name: str,
    bus: Tensor,
    cdfi: Tensor,
    *,
    rows: list[int],
    precision: Precision,
) -> _Run:
    sub_model = model[name]
    if not rows:
        return _Run(sub_model, bus[:0], cdfi[:0], {})
    if len(rows) < len(bus):
        bus, cdfi = bus[rows], cdfi[rows]
    with torch.autocast(bus.device.type, torch.bfloat16, enabled=precision == "bf16"):
        maps = sub_model.features(bus, cdfi)
    bus_maps, cdfi_maps = (each.to(bus.dtype) for each in maps)
    logits = sub_model.head(bus_maps, cdfi_maps).cpu()
    _check_finite(name, logits, rows)
    p_positive = positive_probability(logits.double()).tolist()
    return _Run(sub_model, bus_maps, cdfi_maps, dict(zip(rows, p_positive, strict=True)))


def _heatmaps(runs: Mapping[str, _Run], cases: list[HierarchicalProbabilities]) -> list[Heatmaps]:
    """The four heatmaps of each case; the decisions explained are those the case reports."""
    heatmaps: list[Heatmaps] = [{} for _ in cases]
    malignant = [case.malignancy is Malignancy.MALIGNANT for case in cases]
    everyone = list(range(len(cases)))
    _explain(runs, MALIGNANCY_SUB_MODEL, level=1, rows=everyone, positive=malignant, into=heatmaps)
    for branch in Malignancy:
        rows = [row for row in everyone if cases[row].malignancy is branch]
        positive = [cases[row].etiology is branch.etiologies[1] for row in rows]
        _explain(runs, branch.value, level=2, rows=rows, positive=positive, into=heatmaps)
    return heatmaps


def _explain(
    runs: Mapping[str, _Run],
    name: str,
    *,
    level: int,
    rows: list[int],
    positive: list[bool],
    into: list[Heatmaps],
) -> None:
    """Put one sub-model's heatmaps of these rows in their place."""
    if not rows:
        return
    run = runs[name]
    place = {row: index for index, row in enumerate(run.p_positive)}
    at = [place[row] for row in rows]
    target = torch.tensor(positive, dtype=torch.int64, device=run.bus_maps.device)
    cams = layer_cam(run.sub_model.head, run.bus_maps[at], run.cdfi_maps[at], target=target)
    for modality, maps in zip(Modality, cams, strict=True):
        for row, heatmap in zip(rows, to_uint8(maps), strict=True):
            into[row][level, modality] = heatmap


def _check_finite(name: str, logits: Tensor, rows: list[int]) -> None:
    finite = torch.isfinite(logits).all(dim=1).tolist()
    if bad := [row for row, fine in zip(rows, finite, strict=True) if not fine]:
        raise NonFiniteError(f"sub-model {name!r} gave NaN or infinity for cases {bad}")
