"""A training's state on disk, whole or not at all: one safetensors file, never a pickle.

Tensors are named by what they belong to ("model.…", "best.…", "optimizer.…"); all else is JSON
under one key of the metadata.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .data import TrainingError

METADATA_KEY = "training"

Tensors = dict[str, Tensor]


def save(path: Path, *, parts: Mapping[str, Mapping[str, Tensor]], facts: dict[str, Any]) -> None:
    """Replace the checkpoint. `parts` are tensors by part and name, `facts` what JSON can hold.

    The new file is on the disk before it takes the old one's place: after a kill or a power cut
    there is the one or the other.
    """
    tensors = {
        f"{part}.{name}": value.detach().cpu().contiguous().clone()
        for part, values in parts.items()
        for name, value in values.items()
    }
    draft = path.with_name(f".{path.name}.draft")
    save_file(tensors, draft, metadata={METADATA_KEY: json.dumps(facts, sort_keys=True)})
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


def load(path: Path) -> tuple[dict[str, Tensors], dict[str, Any]]:
    """Inverse of `save`, on the CPU. TrainingError if the file is not one that it wrote."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {})[METADATA_KEY])
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise TrainingError(f"{path} is no checkpoint of a training: {error}") from error
    parts: dict[str, Tensors] = {}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = value
    return parts, facts


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """An optimiser's state as named tensors, "<parameter's number>.<quantity>"."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value for i, values in state.items() for key, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Inverse of `optimizer_tensors`; learning rates and the like stay the optimiser's own."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of named tensors, whatever their order."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.numpy())
    return total.hexdigest()
