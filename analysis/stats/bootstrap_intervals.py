"""Confidence limits from a bootstrap distribution: percentile, basic and BCa.

References: Efron & Tibshirani, An Introduction to the Bootstrap (1993),
doi 10.1201/9780429246593, chapters 13 (percentile) and 14 (BCa); Davison & Hinkley, Bootstrap
Methods and their Application (1997), doi 10.1017/CBO9780511802843, sections 5.2 (basic) and
5.3.2 (BCa of several samples).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

IntervalMethod = Literal["percentile", "basic", "bca"]

# Two values of a statistic this close, relative to the larger, differ by rounding alone.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """Confidence limits at `level`, and how they were found.

    `resamples` is the number of bootstrap samples behind them, None where there are none.
    """

    low: float
    high: float
    level: float
    method: str
    resamples: int | None = None


def bootstrap_limits(
    values: NDArray[np.floating],
    *,
    estimate: float,
    level: float,
    method: IntervalMethod,
    left_out: Sequence[NDArray[np.floating]] = (),
) -> tuple[float, float]:
    """Lower and upper limit.

    Parameters
    ----------
    values : ndarray, shape (resamples,)
        The statistic in each bootstrap sample.
    estimate : float
        The statistic of the patients themselves.
    level : float
        Confidence level, strictly between 0 and 1.
    method : {"percentile", "basic", "bca"}
        "percentile": the quantiles of `values` at (1 -+ level) / 2, interpolated linearly.
        "basic": those mirrored about the estimate. "bca": the quantiles at
        Phi(z0 + (z0 -+ z) / (1 - a (z0 -+ z))), where z0 is the normal quantile of the
        share of `values` below the estimate, ties counted half, and a the acceleration.
    left_out : sequence of ndarray, one a stratum, shape (n_patients of the stratum,)
        For "bca": the statistic with one patient left out, patient by patient.

    Raises
    ------
    ValueError
        For "bca", if all resamples lie on one side of the estimate, or if the statistic is
        undefined once some patient is left out.
    """
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca":
        tails = _bca_tails(values, estimate, tails, left_out)
    low, high = np.quantile(values, tails).tolist()
    if method == "basic":
        return 2 * estimate - high, 2 * estimate - low
    return low, high


def _bca_tails(values, estimate, tails, left_out) -> NDArray[np.floating]:
    slack = ROUNDING * max(abs(estimate), np.abs(values).max())
    below = np.mean(values < estimate - slack)
    up_to = np.mean(values <= estimate + slack)
    bias = ndtri((below + up_to) / 2)
    if not np.isfinite(bias):
        raise ValueError(
            "BCa limits need resamples on both sides of the estimate: "
            "draw more of them or use the percentile method"
        )
    shifted = bias + ndtri(tails)
    return ndtr(bias + shifted / (1 - acceleration(left_out) * shifted))


def acceleration(left_out: Sequence[NDArray[np.floating]]) -> float:
    """Acceleration from the jackknife, one array a stratum; 0 if no patient makes a difference.

    With n_s patients in stratum s and U = (n_s - 1) (mean of the stratum - value), it is
    sum_s(sum(U^3) / n_s^3) / (6 sum_s(sum(U^2) / n_s^2)^(3/2)).
    """
    cubes = squares = 0.0
    for values in left_out:
        if np.isnan(values).any():
            raise ValueError(
                "BCa limits need the statistic with any one patient left out, and here it is "
                "undefined for some (the only one of a class?): use the percentile method"
            )
        pull = (len(values) - 1) * (values.mean() - values) / len(values)
        cubes += np.sum(pull**3)
        squares += np.sum(pull**2)
    return float(cubes / (6 * squares**1.5)) if squares > 0 else 0.0
