"""Training of one sub-model: epochs, validation, early stopping, a checkpoint after each epoch.

The auxiliary classifiers of the single branches are those of the
authors' public code for Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z;
they are there while the sub-model learns, and not in what is saved.

On the CPU, with the same number of threads, the same training gives the same weights bit for bit,
through however many kills it went: whatever is random in an epoch is drawn from the seed and the
epoch's number, and all else is in the checkpoint. On a GPU it does so as far as cuDNN does.
"""

import csv
import math
import os
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from . import training_checkpoint
from .augment import augment
from .backbone import find_architecture
from .data import ImagePairs, TrainingError, class_weights, derived_seed, epoch_order
from .distributed import Ranks
from .evaluation import auc
from .network import SubModel, positive_probability
from .preprocess import normalise
from .recipe import Recipe

CHECKPOINT_NAME, LOG_NAME = "checkpoint.safetensors", "log.csv"

Pretrained = Mapping[str, Tensor]


@dataclass(frozen=True)
class Epoch:
    """A line of the log. Losses are weighted by class."""

    epoch: int
    """From 1."""
    train_loss: float
    """Mean over the epoch, with augmentation and auxiliary classifiers."""
    validation_loss: float
    """Of the sub-model alone."""
    validation_auc: float
    learning_rate: float
    """Of the last step."""
    seconds: float


@dataclass(frozen=True, eq=False)
class TrainedSubModel:
    """The outcome of a training."""

    state: dict[str, Tensor]
    """`SubModel.state_dict()`, averaged, after the epoch kept; on the CPU."""
    kept: Epoch
    """The last, or the one with the highest validation AUC; among equals, with the lowest loss."""
    log: tuple[Epoch, ...]


class Learner(nn.Module):
    """A sub-model and, if asked for, a classifier on each of its single branches."""

    def __init__(self, architecture: str, *, auxiliary: bool) -> None:
        super().__init__()
        self.sub_model = SubModel(architecture)
        channels = find_architecture(architecture).out_channels
        self.branches = nn.ModuleList(nn.Linear(channels, 2) for _ in range(2 * auxiliary))

    def forward(self, bus: Tensor, cdfi: Tensor) -> tuple[list[Tensor], Tensor]:
        """Two images (B, 3, S, S) -> logits and the maps' mean `l1_over_l2`, a scalar.

        Logits (B, 2) of the sub-model, then of BUS and of CDFI alone if asked for.
        """
        maps = self.sub_model.features(bus, cdfi)
        single = zip(self.branches, maps, strict=False)
        logits = [self.sub_model.head(*maps), *(one(m.mean(dim=(2, 3))) for one, m in single)]
        return logits, sum(l1_over_l2(each) for each in maps) / len(maps)


def l1_over_l2(maps: Tensor) -> Tensor:
    """How far maps (B, C, h, w), not negative, are spread over the image: a scalar, the mean.

    A channel's L1 over its L2 norm, 1 / sqrt(h w) if one cell has all, 1 if all have the same
    (Hoyer, JMLR 2004, 5:1457-1469). The scale of the maps does not matter.
    """
    cells = maps.float().flatten(2)
    even = cells.norm(dim=2) * math.sqrt(cells.shape[2])
    return (cells.sum(dim=2) / even.clamp(min=1e-6)).mean()


def train_sub_model(
    *,
    architecture: str,
    training: ImagePairs,
    validation: ImagePairs,
    recipe: Recipe,
    work: Path,
    name: str = "sub-model",
    device: torch.device | str = "cpu",
    pretrained: Pretrained | None = None,
    ranks: Ranks | None = None,
    progress: bool = False,
    after_epoch: Callable[[Epoch], None] | None = None,
) -> TrainedSubModel:
    """Train a sub-model, or go on with its training where it was stopped.

    Parameters
    ----------
    architecture
        A name in `backbone.ARCHITECTURES`.
    training, validation
        Labelled 0 and 1, both classes in each. Images may be of any side that is a multiple of 32.
    recipe
        How to train. The same one must be given to go on.
    work
        Folder of the checkpoint and of the log, a CSV with a line an epoch; made if need be.
    name
        Of the sub-model: shown, and part of what its random numbers derive from.
    device
        Mixed precision is used on a GPU: bfloat16, or float16 where it has none.
    pretrained
        State dict for both extractors, e.g. from `pretrained.read_imagenet`.
    ranks
        This process's place, from `distributed.process_group`; all call this function alike.
    progress
        Show a bar, if the standard error is a terminal.
    after_epoch
        Called when an epoch's checkpoint is on the disk.

    Raises
    ------
    TrainingError
        If a class is missing, the work folder holds another training, or the loss is not finite.
    """
    task = _Task(training, validation, recipe, name, ranks or Ranks())
    task.check()
    work.mkdir(parents=True, exist_ok=True)
    identity = task.identity() | {
        "architecture": architecture,
        "pretrained": None if pretrained is None else training_checkpoint.digest(pretrained),
    }
    state = _State.start(architecture, task, torch.device(device), pretrained)
    state.resume(work / CHECKPOINT_NAME, identity)
    network = task.ranks.wrap(state.learner)
    shown = progress and task.ranks.first
    with (
        tqdm(total=recipe.epochs, desc=name, unit="epoch", disable=None if shown else True) as bar,
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        bar.update(len(state.log))
        while not state.finished(recipe):
            epoch = _epoch(network, state, task)
            state.record(epoch, recipe)
            if task.ranks.first:
                state.save(work, identity)
            bar.update()
            bar.set_postfix(loss=f"{epoch.validation_loss:.3f}", auc=f"{epoch.validation_auc:.3f}")
            if after_epoch:
                after_epoch(epoch)
    return TrainedSubModel(state.kept, state.kept_epoch(recipe), tuple(state.log))


@dataclass(frozen=True, eq=False)
class _Task:
    """What stays the same from epoch to epoch."""

    training: ImagePairs
    validation: ImagePairs
    recipe: Recipe
    name: str
    ranks: Ranks

    def check(self) -> None:
        for what, cases in (("training", self.training), ("validation", self.validation)):
            if set(cases.label.tolist()) != {0, 1}:
                raise TrainingError(f"{what}: cases of both classes are needed, labelled 0 and 1")
        size, processes = self.recipe.batch_size, self.ranks.size
        if size % processes or size < 2 * processes:
            raise TrainingError(
                f"a batch of {size} does not split over {processes} processes with at least 2 "
                "cases for each"
            )

    def identity(self) -> dict[str, Any]:
        """What must be the same for a training to go on, as JSON values."""
        return {
            "name": self.name,
            "recipe": asdict(self.recipe),
            "training": self.training.sha256(),
            "validation": self.validation.sha256(),
            "processes": self.ranks.size,
        }

    def generator(self, purpose: str, *parts: int) -> torch.Generator:
        """Randomness that depends on the seed, the sub-model, the purpose and these numbers."""
        seed = derived_seed(self.recipe.seed, self.name, purpose, *parts)
        return torch.Generator().manual_seed(seed)

    @property
    def class_weights(self) -> Tensor:
        return class_weights(self.training.label)


@dataclass(eq=False)
class _State:
    """What changes from epoch to epoch; all of it goes into the checkpoint."""

    learner: Learner
    average: SubModel
    """Follows the learner's sub-model; what is validated and kept."""
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    device: torch.device
    precision: torch.dtype
    kept: dict[str, Tensor] = field(default_factory=dict)
    log: list[Epoch] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        architecture: str,
        task: _Task,
        device: torch.device,
        pretrained: Pretrained | None,
    ) -> "_State":
        """Initial weights from the seed and the sub-model's name; torch's own state stays."""
        recipe = task.recipe
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.default_generator.manual_seed(derived_seed(recipe.seed, task.name, "weights"))
            learner = Learner(architecture, auxiliary=recipe.auxiliary > 0)
        if pretrained is not None:
            learner.sub_model.bus_extractor.load_state_dict(pretrained)
            learner.sub_model.cdfi_extractor.load_state_dict(pretrained)
        learner = learner.to(device, memory_format=torch.channels_last)
        average = deepcopy(learner.sub_model).requires_grad_(False).eval()
        optimizer = torch.optim.AdamW(learner.parameters(), weight_decay=recipe.weight_decay)
        precision = _precision(device)
        scaler = torch.amp.GradScaler(device.type, enabled=precision is torch.float16)
        return cls(learner, average, optimizer, scaler, device, precision)

    def kept_epoch(self, recipe: Recipe) -> Epoch:
        """The epoch whose weights are kept; see `Recipe.keep`."""
        if recipe.keep == "last":
            return self.log[-1]
        return max(self.log, key=lambda epoch: (epoch.validation_auc, -epoch.validation_loss))

    def finished(self, recipe: Recipe) -> bool:
        done = len(self.log)
        return done >= recipe.epochs or (
            done > 0 and done - self.kept_epoch(recipe).epoch >= recipe.patience
        )

    def autocast(self) -> torch.autocast:
        half = self.precision is not torch.float32
        return torch.autocast(self.device.type, self.precision if half else None, enabled=half)

    def step(self, loss: Tensor, *, rate: float, memory: float) -> None:
        """One step down the gradient of this loss; the average keeps `memory` of what it was."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        new = self.learner.sub_model.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(new[name], 1 - memory)
            else:
                value.copy_(new[name])

    def record(self, epoch: Epoch, recipe: Recipe) -> None:
        """Append to the log; keep the weights if they are to be kept so far."""
        if not math.isfinite(epoch.train_loss + epoch.validation_loss):
            raise TrainingError(f"epoch {epoch.epoch}: the loss is not finite; lower the rate")
        self.log.append(epoch)
        if self.kept_epoch(recipe) is epoch:
            state = self.average.state_dict()
            self.kept = {
                key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
                for key, value in state.items()
            }

    def save(self, work: Path, identity: dict[str, Any]) -> None:
        parts = {
            "learner": self.learner.state_dict(),
            "average": self.average.state_dict(),
            "kept": self.kept,
            "optimizer": training_checkpoint.optimizer_tensors(self.optimizer),
        }
        log = [asdict(epoch) for epoch in self.log]
        facts = {"identity": identity, "log": log, "scaler": self.scaler.state_dict()}
        training_checkpoint.save(work / CHECKPOINT_NAME, parts=parts, facts=facts)
        _write_log(work / LOG_NAME, self.log)

    def resume(self, path: Path, identity: dict[str, Any]) -> None:
        """Take up a checkpoint, if there is one; TrainingError if it is of another training."""
        if not path.exists():
            return
        parts, facts = training_checkpoint.load(path)
        found = facts.get("identity", {})
        if found != identity:
            differing = sorted(k for k in identity if identity[k] != found.get(k))
            raise TrainingError(
                f"{path.parent} holds another training, with other {', '.join(differing)}; "
                "remove it or choose another folder"
            )
        self.learner.load_state_dict(parts["learner"])
        self.average.load_state_dict(parts["average"])
        training_checkpoint.restore_optimizer(self.optimizer, parts["optimizer"])
        self.scaler.load_state_dict(facts["scaler"])
        self.kept = parts["kept"]
        self.log = [Epoch(**line) for line in facts["log"]]


def _epoch(network: nn.Module, state: _State, task: _Task) -> Epoch:
    """Train and validate once. The first process validates; the others learn what it found."""
    started = time.monotonic()
    loss, rate = _train(network, state, task)
    found = _validate(state, task) if task.ranks.first else (0.0, 0.0)
    agreed = torch.tensor(found, dtype=torch.float64, device=state.device)
    validated = task.ranks.from_first(agreed).tolist()
    return Epoch(len(state.log) + 1, loss, *validated, rate, time.monotonic() - started)


def _train(network: nn.Module, state: _State, task: _Task) -> tuple[float, float]:
    """One pass over the cases: (mean loss, last learning rate). Each process takes its share."""
    epoch, recipe, ranks = len(state.log), task.recipe, task.ranks
    vary = task.generator("augmentation", epoch, ranks.rank)
    order = epoch_order(
        len(task.training),
        batch_size=recipe.batch_size,
        generator=task.generator("order", epoch),
    )
    weights = task.class_weights.to(state.device)
    network.train()
    total = torch.zeros((), dtype=torch.float64, device=state.device)
    for step, rows in enumerate(order):
        done = epoch * len(order) + step
        rate = recipe.learning_rate_at(done / (len(order) * recipe.epochs))
        batch = task.training.take(rows[ranks.rank :: ranks.size])
        label, bus, cdfi = (each.to(state.device) for each in (batch.label, batch.bus, batch.cdfi))
        images = augment(bus, cdfi, generator=vary, amount=recipe.augmentation)
        with state.autocast():
            outputs, spread_out = network(*(_prepared(each) for each in images))
        joint, *single = (_loss(logits, label, weights) for logits in outputs)
        loss = joint + recipe.auxiliary * sum(single) + recipe.focus * spread_out
        state.step(loss, rate=rate, memory=recipe.memory_at(done))
        total += loss.detach().double()
    return float(ranks.mean(total / len(order))), rate


@torch.no_grad()
def _validate(state: _State, task: _Task) -> tuple[float, float]:
    """(class-weighted loss, AUC) of the sub-model on unvaried cases."""
    cases = task.validation
    logits = []
    for rows in torch.arange(len(cases)).split(task.recipe.batch_size):
        batch = cases.take(rows)
        images = (each.to(state.device).float() for each in (batch.bus, batch.cdfi))
        with state.autocast():
            logits.append(state.average(*(_prepared(each) for each in images)).float().cpu())
    every = torch.cat(logits)
    loss = float(_loss(every, cases.label, task.class_weights))
    return loss, auc(cases.label.numpy(), positive_probability(every).numpy())


def _precision(device: torch.device) -> torch.dtype:
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _loss(logits: Tensor, label: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy, each case weighted by its class; the mean over the cases, not the weights."""
    return cross_entropy(logits.float(), label, weight=weights, reduction="sum") / len(label)


def _prepared(pixels: Tensor) -> Tensor:
    return normalise(pixels).contiguous(memory_format=torch.channels_last)


def _write_log(path: Path, log: list[Epoch]) -> None:
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in fields(Epoch)])
        writer.writerows(astuple(epoch) for epoch in log)
    os.replace(draft, path)
