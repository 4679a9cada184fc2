"""The choices of a training, in one place; they go into the model card.

AdamW (Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101) with a linear warm-up and a cosine decay
of the learning rate (the same, ICLR 2017, arXiv:1608.03983), and a running average of the weights
(Polyak & Juditsky, SIAM J. Control Optim. 1992, 30:838-855).
"""

import math
from dataclasses import dataclass, field

from .augment import Augmentation
from .data import TrainingError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All choices of a training. TrainingError if one makes no sense."""

    epochs: int = 60
    """At most."""
    patience: int = 20
    """Epochs without a better validation AUC after which training stops. Not the loss: with few
    cases of a class, a few that are wrong and certain rule it."""
    keep: str = "best"
    """"best": the weights of the epoch with the best validation AUC. "last": those of the last one,
    whatever patience says; the better choice where the validation cases are too few to choose by.
    """
    batch_size: int = 16
    """Cases a step, of all processes together."""
    learning_rate: float = 1e-3
    """At its peak."""
    warmup: float = 0.05
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.05
    averaging: float = 0.98
    """What the running average of the weights, which is validated and kept, holds on to at each
    step; 0 for the weights themselves. Less at the start: (1 + step) / (10 + step) at most."""
    auxiliary: float = 0.0
    """Weight in the loss of each single branch's auxiliary classifier; 0 for none."""
    focus: float = 0.0
    """Weight in the loss of the spread of both extractors' final maps; with it, a channel answers
    to few places of an image, and heatmaps point at something. 0 for none."""
    validation_share: float = 0.2
    """Of each etiology's cases."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.patience) < 1 or self.batch_size < 2:
            raise TrainingError("epochs and patience are at least 1, the batch size at least 2")
        if not self.learning_rate > 0 or not 0 <= self.warmup < 1:
            raise TrainingError("the learning rate is above 0, the warm-up a share below 1")
        if not min(self.weight_decay, self.auxiliary, self.focus) >= 0:
            raise TrainingError("weight decay, auxiliary weight and focus are not negative")
        if self.keep not in ("best", "last"):
            raise TrainingError(f'keep is "best" or "last", not {self.keep!r}')
        if not 0 <= self.averaging < 1:
            raise TrainingError("averaging is a share below 1")

    def memory_at(self, step: int) -> float:
        """What the running average holds on to at this step, counted from 0."""
        return min(self.averaging, (1 + step) / (10 + step))

    def learning_rate_at(self, progress: float) -> float:
        """The learning rate when this share of all steps, in [0, 1), is done."""
        if progress < self.warmup:
            return self.learning_rate * (0.01 + 0.99 * progress / self.warmup)
        decayed = (progress - self.warmup) / (1 - self.warmup)
        return self.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * decayed)) / 2)
