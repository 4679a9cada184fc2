"""The model card: what a weights file says of itself, readable without torch.

It is JSON under one key of the safetensors metadata. One key only, because safetensors keeps
metadata in no fixed order, and equal models must give equal bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from readerstudy.diagnosis import Etiology

from .hierarchical_probabilities import DEFAULT_THRESHOLD

METADATA_KEY = "model_card"
CLASSES = tuple(etiology.value for etiology in Etiology)

_TYPES: dict[str, tuple[type, ...]] = {
    "architecture": (str,),
    "preprocessing": (dict,),
    "classes": (tuple,),
    "threshold": (float, int),
    "trained": (bool,),
    "seed": (int, type(None)),
    "training_cohort_sha256": (str, type(None)),
    "notes": (str,),
    "metrics": (dict,),
}


class WeightsError(ValueError):
    """A weights file or its card is not what it should be; the message says in what."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What must be known of a set of weights before it is used.

    Raises
    ------
    WeightsError
        If a field has the wrong type, the classes are not this project's in their order, or the
        threshold is outside [0, 1].
    """

    architecture: str
    """A name in `backbone.ARCHITECTURES`."""
    preprocessing: dict[str, Any]
    """What `preprocess.specification` gives for that architecture."""
    classes: tuple[str, ...] = CLASSES
    """Class names in the order of every four-class probability vector."""
    threshold: float = DEFAULT_THRESHOLD
    """Probability of malignancy from which on the gate says malignant."""
    trained: bool = False
    """False for weights straight from initialisation, whose output means nothing."""
    seed: int | None = None
    """Seed of the initialisation, and of the training if there was one."""
    training_cohort_sha256: str | None = None
    """Digest of the training cohort's manifest."""
    notes: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Anything JSON can hold, by name."""

    def __post_init__(self) -> None:
        for name, types in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                raise WeightsError(f"model card: {name} has the wrong type, {type(value).__name__}")
        if self.classes != CLASSES:
            raise WeightsError(f"model card: classes are {self.classes}, expected {CLASSES}")
        if not 0.0 <= self.threshold <= 1.0:
            raise WeightsError(f"model card: threshold {self.threshold} lies outside [0, 1]")

    def to_json(self) -> str:
        """Canonical JSON: equal cards give equal text. WeightsError if JSON cannot hold it."""
        try:
            return json.dumps(asdict(self), sort_keys=True, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise WeightsError(f"model card: not expressible in JSON: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Inverse of `to_json`; WeightsError for anything but a complete card and no more."""
        try:
            content = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise WeightsError(f"model card: not valid JSON: {error}") from error
        expected = {f.name for f in fields(cls)}
        if not isinstance(content, dict) or set(content) != expected:
            raise WeightsError(f"model card: its fields must be exactly {sorted(expected)}")
        if isinstance(content["classes"], list):
            content["classes"] = tuple(content["classes"])
        return cls(**content)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None) -> "ModelCard":
        """The card in a safetensors file's metadata; WeightsError if there is none."""
        if not metadata or METADATA_KEY not in metadata:
            raise WeightsError("the file carries no model card")
        return cls.from_json(metadata[METADATA_KEY])


def read_card(path: str | Path) -> ModelCard:
    """The model card of a weights file; reads its header only, and imports no torch.

    Raises WeightsError if the file is no safetensors file or carries no valid card. Says nothing
    of the tensors: `weights.load` checks those.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return ModelCard.from_metadata(file.metadata())
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{Path(path).name} is not a readable safetensors file: {error}"
        ) from error


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, 64 lower-case hexadecimal digits. OSError if it can't be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
