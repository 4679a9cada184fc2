"""False-negative and false-positive rates, and how much a second arm brings them down.

The four-class rates are micro averages, each class against the rest; those of a yes/no
diagnosis, such as malignant or not, are of its positive class alone. Both kinds of reduction
are in Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.stats.bootstrap_estimates import (
    BootstrapEstimate,
    IntervalMethod,
    bootstrap_statistics,
)
from analysis.stats.metric_statistics import metric_statistic
from analysis.stats.weighted_statistics import difference_of, estimate_of, relative_reduction_of


@dataclass(frozen=True)
class Reduction:
    """An error rate before and after, and the reduction with its interval.

    `absolute` is before - after, `relative` that divided by `before`: None where `before` is
    0. Negative where the rate went up. All are proportions, not percentages.
    """

    before: float
    after: float
    absolute: BootstrapEstimate
    relative: BootstrapEstimate | None


@dataclass(frozen=True)
class ErrorReductions:
    """Reductions of both error rates between two arms that diagnosed the same patients."""

    false_negative_rate: Reduction
    false_positive_rate: Reduction
    n_patients: int


def error_reductions(
    *,
    truth: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    n_classes: int = 4,
    of: str | int = "micro",
    resamples: int = 1000,
    level: float = 0.95,
    method: IntervalMethod = "percentile",
    seed: int | np.random.Generator,
) -> ErrorReductions:
    """Reductions of the false-negative and false-positive rates, with bootstrap intervals.

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class of each patient, 0 ... n_classes - 1.
    before, after : array_like of int, shape (n_patients,) or (n_readers, n_patients)
        The decisions of the two arms, such as without and with AI. Several readers are pooled.
    n_classes : int, default 4
        Number of classes. With 2, class 1 is positive if `of` is 1.
    of : "micro", "macro" or int
        Whose rates: see `metric_statistic`. For benign or malignant, bring truth and
        decisions to level 1 with `to_level_1` and give n_classes=2, of=1.
    resamples, level, method, seed
        As in `bootstrap_statistics`. A resampled patient brings along both arms.

    Raises
    ------
    ValueError
        As in `metric_statistic` and `bootstrap_statistics`; also if no patient is positive or
        none is negative, so that a rate is undefined.
    """
    rates, statistics = {}, {}
    for metric in ("false_negative_rate", "false_positive_rate"):
        old, new = (
            metric_statistic(truth=truth, decision=arm, metric=metric, of=of, n_classes=n_classes)
            for arm in (before, after)
        )
        rates[metric] = (estimate_of(old), estimate_of(new))
        statistics[metric, "absolute"] = difference_of(old, new)
        if rates[metric][0] != 0:
            statistics[metric, "relative"] = relative_reduction_of(old, new)
    found = bootstrap_statistics(
        statistics=statistics, resamples=resamples, level=level, method=method, seed=seed
    )

    def reduction(metric: str) -> Reduction:
        return Reduction(
            before=rates[metric][0],
            after=rates[metric][1],
            absolute=found[metric, "absolute"],
            relative=found.get((metric, "relative")),
        )

    return ErrorReductions(
        false_negative_rate=reduction("false_negative_rate"),
        false_positive_rate=reduction("false_positive_rate"),
        n_patients=old.n_patients,
    )
