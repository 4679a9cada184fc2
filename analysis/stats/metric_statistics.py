"""Metrics of decisions as functions of patient weights: of one class, micro and macro averaged."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from analysis.stats._checks import one_of
from analysis.stats.confusion import CELLS_OF, checked_decisions
from analysis.stats.weighted_statistics import RatioOfSums, WeightedStatistic, mean_of

Metric = Literal[
    "sensitivity",
    "specificity",
    "accuracy",
    "ppv",
    "npv",
    "false_negative_rate",
    "false_positive_rate",
]
Average = Literal["micro", "macro"]


def metric_statistic(
    *,
    truth: ArrayLike,
    decision: ArrayLike,
    metric: Metric,
    of: Average | int,
    n_classes: int = 4,
) -> WeightedStatistic:
    """One metric, each class against the rest.

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class of each patient, 0 ... n_classes - 1.
    decision : array_like of int, shape (n_patients,) or (n_readers, n_patients)
        Class decided on. Several readers are pooled; a patient's weight is that of every
        reader's decision on it.
    metric : str
        As named in `Metric`.
    of : {"micro", "macro"} or int
        "micro": the cells of all classes summed before the ratio is taken. "macro": the mean
        of the classes' ratios; of the sensitivity it is the balanced accuracy. An index: that
        class alone. A yes/no diagnosis has n_classes=2 and of=1.
    n_classes : int, default 4
        Number of classes, at least 2.

    Raises
    ------
    ValueError
        If an array is empty, has another shape, holds anything but class indices; if the two
        differ in the number of patients; if `metric` or `of` is unknown.
    """
    truth, decision, n_classes = checked_decisions(truth, decision, n_classes)
    one_of("metric", metric, get_args(Metric))
    decision = np.atleast_2d(decision)
    if of == "micro":
        return _of_classes(truth, decision, metric, range(n_classes))
    if of == "macro":
        return mean_of(*(_of_classes(truth, decision, metric, [k]) for k in range(n_classes)))
    if not isinstance(of, int | np.integer) or not 0 <= of < n_classes:
        raise ValueError(f"of must be micro, macro or a class in 0 ... {n_classes - 1}; got {of!r}")
    return _of_classes(truth, decision, metric, [of])


def _of_classes(truth, decision, metric, classes) -> RatioOfSums:
    """The metric's two sums of cells, over the readers and `classes`."""
    sums = {cell: np.zeros(truth.size) for cell in ("tp", "fp", "fn", "tn")}
    for k in classes:
        is_class, said_class = truth == k, decision == k
        sums["tp"] += (is_class & said_class).sum(axis=0)
        sums["fp"] += (~is_class & said_class).sum(axis=0)
        sums["fn"] += (is_class & ~said_class).sum(axis=0)
        sums["tn"] += (~is_class & ~said_class).sum(axis=0)
    above, below = (sum(sums[cell] for cell in cells) for cells in CELLS_OF[metric])
    return RatioOfSums(numerator=above, denominator=below)
