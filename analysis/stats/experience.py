"""Do less experienced readers gain more? Years of experience against the change in accuracy.

References: Bonett & Wright, Psychometrika 2000, 65:23, doi 10.1007/BF02294183, and Fieller,
Hartley & Pearson, Biometrika 1957, 44:470, doi 10.1093/biomet/44.3-4.470 (intervals of rank
correlations).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import atanh, sqrt, tanh
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.stats._checks import confidence_level, one_of

TrendMethod = Literal["spearman", "kendall", "regression"]

_NAMES = {
    "spearman": "Spearman's rank correlation",
    "kendall": "Kendall's tau-b",
    "regression": "least-squares change per year",
}
# 9! pairings are tried within a second or two.
_EXACT_AT_MOST = 9


@dataclass(frozen=True)
class ExperienceTrend:
    """A rank correlation, or the change per year, with its limits and two-sided p-value.

    All are None where years or changes are the same for all readers. The limits are None
    also for a correlation of 1 or -1, or of too few readers (3 for Spearman, 4 for Kendall).
    """

    estimate: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    n_readers: int
    method: str


def benefit_by_experience(
    *,
    years: ArrayLike,
    change: ArrayLike,
    method: TrendMethod = "spearman",
    level: float = 0.95,
) -> ExperienceTrend:
    """Association of readers' years of experience with their change in accuracy.

    Parameters
    ----------
    years, change : array_like of float, shape (n_readers,)
        Years of experience, and aided less unaided accuracy, or another benefit, of each of
        at least 3 readers.
    method : {"spearman", "kendall", "regression"}
        "spearman", "kendall": rank correlation (Kendall's tau-b). The p-value is exact, from
        all pairings of years with changes, for up to 9 readers, and a large-sample one for
        more. "regression": least-squares change per year, with t on
        n - 2 degrees of freedom.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1. Limits of a rank correlation are Fisher's
        z with Bonett and Wright's or Fieller's variance: approximate, and very wide for few
        readers.

    Raises
    ------
    ValueError
        If the two differ in length, hold fewer than 3 readers or anything missing or
        infinite; if `method` or `level` is not allowed.

    Notes
    -----
    The readers are the sample: six of them tell little, whatever the number of patients. The
    least exact p-value that six can give is 2 / 720, and more where years or changes are tied.
    """
    one_of("method", method, get_args(TrendMethod))
    confidence_level(level)
    years, change = _per_reader("years", years), _per_reader("change", change)
    if years.size != change.size:
        raise ValueError(f"change has {change.size} readers, but years has {years.size}")
    estimate = low = high = p_value = None
    if np.ptp(years) and np.ptp(change):
        if method == "regression":
            estimate, low, high, p_value = _slope(years, change, level)
        else:
            estimate, p_value = _correlation(years, change, method)
            low, high = _limits(estimate, years.size, method, level)
    return ExperienceTrend(
        estimate=estimate,
        low=low,
        high=high,
        level=level,
        p_value=p_value,
        n_readers=years.size,
        method=_name(method, years.size),
    )


def _name(method: TrendMethod, n_readers: int) -> str:
    if method == "regression":
        return _NAMES[method]
    return _NAMES[method] + (", exact p" if n_readers <= _EXACT_AT_MOST else ", large-sample p")


def _slope(
    years: NDArray[np.floating], change: NDArray[np.floating], level: float
) -> tuple[float, float, float, float]:
    """(slope, low, high, p-value)."""
    line = stats.linregress(years, change)
    reach = float(stats.t.ppf((1 + level) / 2, years.size - 2) * line.stderr)
    slope = float(line.slope)
    return slope, slope - reach, slope + reach, float(line.pvalue)


def _correlation(
    years: NDArray[np.floating], change: NDArray[np.floating], method: TrendMethod
) -> tuple[float, float]:
    """(correlation, p-value)."""
    if method == "spearman":
        found = stats.spearmanr(years, change)
    else:
        found = stats.kendalltau(years, change, method="asymptotic")
    if years.size > _EXACT_AT_MOST:
        return float(found.statistic), float(found.pvalue)
    # Over pairings both correlations rise and fall with a sum of products.
    if method == "spearman":
        ranks = stats.rankdata(years)
        exact = _over_pairings(stats.rankdata(change), lambda other: (ranks * other).sum(axis=-1))
    else:
        i, j = np.triu_indices(years.size, k=1)
        order = np.sign(years[i] - years[j])
        exact = _over_pairings(
            change, lambda other: (order * np.sign(other[..., i] - other[..., j])).sum(axis=-1)
        )
    return float(found.statistic), exact


def _over_pairings(values: NDArray[np.floating], statistic: Callable[[NDArray], NDArray]) -> float:
    """Twice the smaller tail of the statistic over all orders of the values, at most 1."""
    result = stats.permutation_test(
        (values,),
        lambda sample, axis: statistic(np.moveaxis(sample, axis, -1)),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=np.inf,
        batch=10_000,
    )
    return min(1.0, float(result.pvalue))


def _limits(
    correlation: float, n_readers: int, method: TrendMethod, level: float
) -> tuple[float | None, float | None]:
    lost = 3 if method == "spearman" else 4
    if n_readers <= lost or abs(correlation) > 1 - 1e-12:
        return None, None
    variance = (1 + correlation**2 / 2 if method == "spearman" else 0.437) / (n_readers - lost)
    reach = float(stats.norm.ppf((1 + level) / 2)) * sqrt(variance)
    return tanh(atanh(correlation) - reach), tanh(atanh(correlation) + reach)


def _per_reader(name: str, values: ArrayLike) -> NDArray[np.floating]:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or array.size < 3:
        raise ValueError(f"{name} must have shape (n_readers,), 3 or more, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must hold a finite number for each reader")
    return array
