"""Bootstrap intervals of the metrics of decisions, and of the difference between two arms."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from analysis.stats.bootstrap_estimates import (
    BootstrapEstimate,
    IntervalMethod,
    bootstrap_statistics,
)
from analysis.stats.metric_statistics import Average, Metric, metric_statistic
from analysis.stats.weighted_statistics import difference_of


def bootstrap_metrics(
    *,
    truth: ArrayLike,
    decision: ArrayLike,
    against: ArrayLike | None = None,
    metrics: Sequence[Metric] = ("accuracy", "sensitivity", "specificity"),
    of: Average | int = "micro",
    n_classes: int = 4,
    strata: ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    method: IntervalMethod = "percentile",
    seed: int | np.random.Generator,
) -> dict[Metric, BootstrapEstimate]:
    """Bootstrap intervals of metrics, or of their differences, from the same resamples.

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class of each patient, 0 ... n_classes - 1.
    decision : array_like of int, shape (n_patients,) or (n_readers, n_patients)
        Class decided on. Several readers are pooled; a resampled patient brings along all.
    against : array_like of int, shape (n_patients,) or (n_readers, n_patients), optional
        A second arm's decisions on the same patients. If given, every statistic is the metric
        of `decision` less that of `against`.
    metrics, of, n_classes
        As in `metric_statistic`: "micro", "macro" (whose sensitivity is the balanced
        accuracy), or one class.
    strata, resamples, level, method, seed
        As in `bootstrap_statistics`.

    Raises
    ------
    ValueError
        As in `metric_statistic` and `bootstrap_statistics`.
    """
    statistics = {}
    for metric in metrics:
        arms = [
            metric_statistic(truth=truth, decision=arm, metric=metric, of=of, n_classes=n_classes)
            for arm in (decision, against)
            if arm is not None
        ]
        statistics[metric] = difference_of(*arms) if against is not None else arms[0]
    return bootstrap_statistics(
        statistics=statistics,
        strata=strata,
        resamples=resamples,
        level=level,
        method=method,
        seed=seed,
    )
