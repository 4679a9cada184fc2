"""What readers did with the model's answer: changes of mind, over- and under-reliance.

Each decision is made twice, unaided and then with the model's answer in sight. What a change
is worth depends on whether the model was right, so everything is told apart by that.

Reference: Schemmer, Kuehl, Benz, Bartos & Satzger, Appropriate Reliance on AI Advice,
Proceedings of IUI 2023, doi 10.1145/3581641.3584066.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import (
    class_labels,
    confidence_level,
    same_patients,
    whole_number,
)
from analysis.stats.proportion_intervals import Rate, rate


@dataclass(frozen=True)
class Switches:
    """What became of `n` decisions; each rate is of those that were right, or wrong, unaided.

    Of the wrong: `beneficial` became right, `neutral` became another wrong answer,
    `kept_wrong` stayed. Of the right: `harmful` became wrong, `kept_right` stayed.
    """

    n: int
    beneficial: Rate
    neutral: Rate
    kept_wrong: Rate
    harmful: Rate
    kept_right: Rate


@dataclass(frozen=True)
class Reliance:
    """Changes of mind, and how far readers relied on a right and on a wrong model.

    Where the model was wrong: `over_reliance` counts, of the decisions that were right
    unaided, those that took over the model's answer; `self_reliance` those that stayed right
    (Schemmer's relative self-reliance; the rest went wrong in a way of their own); and
    `followed_wrong`, of all decisions there, those that ended with the model's answer.

    Where the model was right: `under_reliance` counts, of the decisions that were wrong
    unaided, those that ended wrong; `ai_reliance` those that ended right (Schemmer's relative
    AI reliance); and `refused_right`, of all decisions there, those that ended wrong.
    """

    n_readers: int
    n_patients: int
    switches: Switches
    switches_model_right: Switches
    switches_model_wrong: Switches
    over_reliance: Rate
    self_reliance: Rate
    followed_wrong: Rate
    under_reliance: Rate
    ai_reliance: Rate
    refused_right: Rate


@dataclass(frozen=True)
class ReadersReliance:
    """Reader by reader, and all their decisions pooled."""

    readers: tuple[Reliance, ...]
    pooled: Reliance


def reliance(
    *,
    truth: ArrayLike,
    model: ArrayLike,
    unaided: ArrayLike,
    aided: ArrayLike,
    n_classes: int = 4,
    level: float = 0.95,
) -> ReadersReliance:
    """Count changes of mind and reliance on the model, with their intervals.

    Parameters
    ----------
    truth, model : array_like of int, shape (n_patients,)
        True class and the model's answer, 0 ... n_classes - 1.
    unaided, aided : array_like of int, shape (n_readers, n_patients) or (n_patients,)
        Each reader's decision before and with the model's answer.
    n_classes : int, default 4
        Number of classes, at least 2.
    level : float, default 0.95
        Confidence level of the Wilson intervals, strictly between 0 and 1.

    Returns
    -------
    ReadersReliance
        One reader's decisions are independent patients. Pooled ones are not, for the readers
        saw the same patients, and so did the model: those intervals are too narrow, and their
        method says "as if independent".

    Raises
    ------
    ValueError
        If an array is empty, has another shape or holds anything but class indices; if they
        differ in the number of patients or readers; if `n_classes` or `level` is not allowed.
    """
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    confidence_level(level)
    truth = class_labels("truth", truth, n_classes=n_classes)
    model = class_labels("model", model, n_classes=n_classes)
    unaided = class_labels("unaided", unaided, n_classes=n_classes, max_ndim=2)
    aided = class_labels("aided", aided, n_classes=n_classes, max_ndim=2)
    same_patients(truth=truth, model=model, unaided=unaided, aided=aided)
    if unaided.shape != aided.shape:
        raise ValueError(f"aided has shape {aided.shape}, but unaided has {unaided.shape}")
    unaided, aided = np.atleast_2d(unaided), np.atleast_2d(aided)
    return ReadersReliance(
        readers=tuple(
            _reliance(truth, model, before[np.newaxis], after[np.newaxis], level)
            for before, after in zip(unaided, aided, strict=True)
        ),
        pooled=_reliance(truth, model, unaided, aided, level),
    )


def _reliance(
    truth: NDArray, model: NDArray, unaided: NDArray, aided: NDArray, level: float
) -> Reliance:
    """Of decisions of shape (n_readers, n_patients)."""
    was_right, is_right = unaided == truth, aided == truth
    model_right = np.broadcast_to(model == truth, aided.shape)
    took_model = aided == model
    one_reader = len(aided) == 1

    def share(event: NDArray[np.bool_], among: NDArray[np.bool_]) -> Rate:
        return rate(
            count=int(np.sum(event & among)),
            n=int(among.sum()),
            level=level,
            independent=one_reader,
        )

    def switches(among: NDArray[np.bool_]) -> Switches:
        was_wrong, moved = ~was_right & among, unaided != aided
        return Switches(
            n=int(among.sum()),
            beneficial=share(is_right, was_wrong),
            neutral=share(~is_right & moved, was_wrong),
            kept_wrong=share(~moved, was_wrong),
            harmful=share(~is_right, was_right & among),
            kept_right=share(is_right, was_right & among),
        )

    return Reliance(
        n_readers=len(aided),
        n_patients=truth.size,
        switches=switches(np.ones_like(is_right)),
        switches_model_right=switches(model_right),
        switches_model_wrong=switches(~model_right),
        over_reliance=share(took_model, was_right & ~model_right),
        self_reliance=share(is_right, was_right & ~model_right),
        followed_wrong=share(took_model, ~model_right),
        under_reliance=share(~is_right, ~was_right & model_right),
        ai_reliance=share(is_right, ~was_right & model_right),
        refused_right=share(~is_right, model_right),
    )
