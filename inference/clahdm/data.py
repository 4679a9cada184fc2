"""What a training sees: labelled pairs of images, their split and the order of an epoch."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from readerstudy.diagnosis import Etiology

from .hierarchical_probabilities import SUB_MODELS
from .preprocess import resize


class TrainingError(ValueError):
    """A training cannot be what was asked for; the message says why."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ImagePairs:
    """N cases in memory, for training or validation."""

    bus: Tensor
    """(N, 3, S, S) uint8."""
    cdfi: Tensor
    """(N, 3, S, S) uint8; row i of both is case i."""
    label: Tensor
    """(N,) int64: of a whole cohort the class index of the etiology; of one sub-model's cases 1
    for its positive class, else 0."""

    def __post_init__(self) -> None:
        cases = len(self.label)
        if self.bus.shape != self.cdfi.shape or self.bus.ndim != 4 or len(self.bus) != cases:
            raise TrainingError(
                f"{cases} labels, BUS images {tuple(self.bus.shape)} and CDFI images "
                f"{tuple(self.cdfi.shape)} do not fit together"
            )
        if self.bus.dtype != torch.uint8 or self.cdfi.dtype != torch.uint8:
            raise TrainingError("images for training are uint8")

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: Tensor) -> "ImagePairs":
        """The cases of these rows, (M,) int64, in that order."""
        return ImagePairs(bus=self.bus[rows], cdfi=self.cdfi[rows], label=self.label[rows])

    def sha256(self) -> str:
        """Digest of every pixel and label."""
        digest = hashlib.sha256()
        for values in (self.bus, self.cdfi, self.label):
            digest.update(values.contiguous().numpy())
        return digest.hexdigest()


def cohort(cases: Iterable[tuple[np.ndarray, np.ndarray, Etiology]], *, size: int) -> ImagePairs:
    """Cases as read, (BUS, CDFI, etiology) -> a cohort of S x S images, read one at a time.

    The images are uint8 RGB, (H, W, 3), resized as `preprocess` does, then rounded to whole
    levels: a quarter of the memory of float32, for an error of half a level of 255.
    """
    pixels: dict[str, list[Tensor]] = {"bus": [], "cdfi": []}
    classes = []
    for bus, cdfi, etiology in cases:
        for name, image in (("bus", bus), ("cdfi", cdfi)):
            pixels[name].append(resize(image, size=size).round().to(torch.uint8))
        classes.append(etiology.class_index)
    if not classes:
        raise TrainingError("the cohort has no cases")
    return ImagePairs(
        bus=torch.stack(pixels["bus"]),
        cdfi=torch.stack(pixels["cdfi"]),
        label=torch.tensor(classes),
    )


def of_sub_model(cases: ImagePairs, name: str) -> ImagePairs:
    """A cohort's true members of a sub-model's branch, labelled 0 and 1 as it decides.

    Raises TrainingError if one of its two classes has no case.
    """
    negative, positive = SUB_MODELS[name]
    rows, labels = [], []
    for row, index in enumerate(cases.label.tolist()):
        etiology = list(Etiology)[index]
        if {negative, positive} & {etiology, etiology.malignancy}:
            rows.append(row)
            labels.append(int(positive in (etiology, etiology.malignancy)))
    for label, of_class in enumerate((negative, positive)):
        if label not in labels:
            raise TrainingError(f"sub-model {name!r} has no case of {of_class} to learn from")
    members = cases.take(torch.tensor(rows))
    return ImagePairs(bus=members.bus, cdfi=members.cdfi, label=torch.tensor(labels))


def stratified_split(label: Tensor, *, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Rows for training and for validation, each sorted, (M,) and (N - M,) int64.

    Of every class the `share` goes to validation, rounded, at least one case and not all of them.

    Raises TrainingError if the share is not between 0 and 1 or a class has a single case.
    """
    if not 0 < share < 1:
        raise TrainingError(f"the share of validation must lie between 0 and 1, got {share}")
    generator = torch.Generator().manual_seed(derived_seed(seed, "split"))
    training, validation = [], []
    for value in label.unique().tolist():
        rows = (label == value).nonzero().flatten()
        if len(rows) < 2:
            raise TrainingError(f"class {value} has one case; a split takes two")
        rows = rows[torch.randperm(len(rows), generator=generator)]
        held_out = min(max(round(share * len(rows)), 1), len(rows) - 1)
        validation.append(rows[:held_out])
        training.append(rows[held_out:])
    return torch.cat(training).sort().values, torch.cat(validation).sort().values


def class_weights(label: Tensor) -> Tensor:
    """Weight of each class in the loss, (2,) float32: N / (2 n_class).

    Both classes then weigh the same in all, and a case weighs 1 on average.
    """
    counts = torch.bincount(label, minlength=2)
    return len(label) / (2.0 * counts)


def epoch_order(cases: int, *, batch_size: int, generator: torch.Generator) -> Tensor:
    """A shuffled epoch as full batches, (batches, batch_size) int64.

    Every case comes once; the last batch is filled up from the epoch's beginning.
    """
    order = torch.randperm(cases, generator=generator)
    batches = -(-cases // batch_size)
    rounds = -(-batches * batch_size // cases)
    return order.repeat(rounds)[: batches * batch_size].view(batches, batch_size)


def derived_seed(*parts: int | str) -> int:
    """A seed of 63 bits for one purpose, from the training's seed and the purpose's name.

    What is drawn in an epoch then depends on nothing that was drawn before it, so a training can
    be taken up again at any epoch.
    """
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
