"""Weights on disk: safetensors with a model card, checked strictly, never a pickle."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .backbone import ARCHITECTURES
from .network import CLAHDM
from .preprocess import specification
from .weights_card import METADATA_KEY, ModelCard, WeightsError, file_sha256

__all__ = [
    "LoadedModel",
    "ModelCard",
    "WeightsError",
    "file_sha256",
    "load",
    "save",
    "untrained",
]

MAX_FILE_BYTES = 2**30
"""Larger files are refused unread; three ResNet-50 sub-models in float32 take 0.64 GB."""

_DTYPE_NAMES = {torch.float32: "F32", torch.int64: "I64"}


class LoadedModel(NamedTuple):
    """A network ready to predict, what it says of itself, and the digest of its file."""

    model: CLAHDM
    card: ModelCard
    sha256: str


def untrained(architecture: str, seed: int) -> tuple[CLAHDM, ModelCard]:
    """A freshly initialised network in evaluation mode on the CPU, float32, with its card.

    The same architecture and seed give the same values, and from `save` the same bytes. Torch's
    global random state is left as it was. Raises ValueError for an unknown architecture.
    """
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        model = CLAHDM(architecture).eval()
    card = ModelCard(
        architecture=architecture,
        preprocessing=specification(model.input_size),
        seed=seed,
        notes="Untrained: random initial weights.",
    )
    return model, card


def save(model: CLAHDM, path: str | Path, *, card: ModelCard) -> str:
    """Write weights and card, and return the file's SHA-256.

    The file appears whole or not at all; one already there is replaced. Equal weights and cards
    give equal bytes.

    Raises
    ------
    WeightsError
        If `load` would refuse the file: the card is for another architecture or preprocessing, or
        a value is not float32 or not finite.
    OSError
        If the file cannot be written.
    """
    path = Path(path)
    _check_card(card)
    if card.architecture != model.architecture:
        raise WeightsError(f"model card: {card.architecture!r}, but a {model.architecture!r} model")
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    _check_layout(
        {name: (tuple(value.shape), _dtype_name(value)) for name, value in state.items()},
        expected=_blank(card),
    )
    _check_finite(state)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        draft = Path(folder) / path.name
        save_file(state, draft, metadata={METADATA_KEY: card.to_json()})
        draft.chmod(0o644)  # safetensors makes it the owner's alone; the worker may be another user
        os.replace(draft, path)
    return file_sha256(path)


def load(path: str | Path, *, sha256: str | None = None) -> LoadedModel:
    """Read a weights file into a network in evaluation mode on the CPU, float32.

    Nothing is taken on trust: with `sha256` the file must have that digest; its card must be
    complete and its preprocessing this code's; names, shapes and types of its tensors must be
    those of the architecture, and every value finite. The file must not change meanwhile.

    Raises
    ------
    WeightsError
        If any of this fails, or the file is missing, too large or no safetensors file.
    """
    path = Path(path)
    digest = _digest(path)
    if sha256 is not None and digest != sha256.lower():
        raise WeightsError(f"{path.name} has SHA-256 {digest}, expected {sha256}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            card = ModelCard.from_metadata(file.metadata())
            _check_card(card)
            model = _blank(card)
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            _check_layout(
                {name: (tuple(s.get_shape()), s.get_dtype()) for name, s in slices.items()},
                expected=model,
            )
            state = {name: file.get_tensor(name).clone() for name in slices}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name} is not a readable safetensors file: {error}") from error
    _check_finite(state)
    model.load_state_dict(state, assign=True)
    return LoadedModel(model.eval(), card, digest)


def _digest(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise WeightsError(f"{path.name} has {size} bytes; at most {MAX_FILE_BYTES} are read")
        return file_sha256(path)
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read: {error.strerror}") from error


def _blank(card: ModelCard) -> CLAHDM:
    """The card's network with names, shapes and types but no memory behind them."""
    with torch.device("meta"):
        return CLAHDM(card.architecture)


def _check_card(card: ModelCard) -> None:
    if card.architecture not in ARCHITECTURES:
        raise WeightsError(f"model card: unknown architecture {card.architecture!r}")
    expected = specification(ARCHITECTURES[card.architecture].input_size)
    if card.preprocessing != expected:
        raise WeightsError(f"model card: preprocessing must be {expected}")


def _check_layout(found: Mapping[str, tuple[tuple[int, ...], str]], *, expected: CLAHDM) -> None:
    """Compare {name: (shape, safetensors dtype)} with a network's state dict."""
    wanted = {
        name: (tuple(value.shape), _dtype_name(value))
        for name, value in expected.state_dict().items()
    }
    if missing := sorted(wanted.keys() - found.keys()):
        raise WeightsError(f"{len(missing)} tensors are missing, the first {missing[0]}")
    if surplus := sorted(found.keys() - wanted.keys()):
        raise WeightsError(f"{len(surplus)} tensors are unknown, the first {surplus[0]}")
    for name, layout in wanted.items():
        if found[name] != layout:
            raise WeightsError(f"tensor {name} is {found[name]}, expected {layout}")


def _check_finite(state: Mapping[str, Tensor]) -> None:
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise WeightsError(f"tensor {name} holds a value that is not finite")


def _dtype_name(value: Tensor) -> str:
    return _DTYPE_NAMES.get(value.dtype, str(value.dtype))
