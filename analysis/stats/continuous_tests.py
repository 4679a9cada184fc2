"""Tests of a continuous variable: two groups, several groups, or two values of the same cases.

Conventions are those of R's wilcox.test, t.test, kruskal.test and oneway.test. References:
Hollander & Wolfe, Nonparametric Statistical Methods (1999); Welch, Biometrika 1947, 34:28,
doi 10.1093/biomet/34.1-2.28, and 1951, 38:330, doi 10.1093/biomet/38.3-4.330.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.stats._checks import one_of
from analysis.stats._rank_tails import rank_sum_tails, signed_rank_tails

RankMethod = Literal["auto", "exact", "normal-corrected", "normal"]

_RANK_METHODS = {
    "exact": "exact",
    "normal-corrected": "normal approximation with continuity correction",
    "normal": "normal approximation",
}
# "auto" is exact below the first number of values, as in R; "exact" is refused above the second.
_AUTO_EXACT_BELOW = 50
_EXACT_AT_MOST = 200


@dataclass(frozen=True)
class HypothesisTest:
    """A test by its name, its statistic and two-sided p-value, and the sizes of the groups.

    `statistic` and `p_value` are None where the values do not vary as they must for the test
    to be made. `df` holds the degrees of freedom, if the test has any. `p_error` is the
    standard error of a p-value found by simulation, else None.
    """

    method: str
    statistic_name: str | None
    statistic: float | None
    p_value: float | None
    n: tuple[int, ...]
    df: tuple[float, ...] = ()
    p_error: float | None = None


def mann_whitney(
    *, first: ArrayLike, second: ArrayLike, method: RankMethod = "auto"
) -> HypothesisTest:
    """Mann-Whitney U (Wilcoxon rank sum) test of two groups.

    Parameters
    ----------
    first, second : array_like of float, shape (n_first,) and (n_second,)
        Values of the two groups.
    method : {"auto", "exact", "normal-corrected", "normal"}
        "exact": from all ways to deal the values out, ties included; up to 200 values in
        all. "normal-corrected": normal approximation with the variance that ties leave and a
        continuity correction; "normal": without the correction. "auto", as R: "exact" with
        fewer than 50 values in either group and no ties, else "normal-corrected".

    Returns
    -------
    HypothesisTest
        The statistic U counts the pairs in which the first is above, ties half: R's W. The
        exact p-value is twice the smaller tail, at most 1.

    Raises
    ------
    ValueError
        If a group is empty or not one-dimensional, a value is missing or infinite, `method`
        is unknown, or there are too many values for "exact".
    """
    one_of("method", method, get_args(RankMethod))
    first, second = _values("first", first), _values("second", second)
    both, n = np.concatenate([first, second]), (first.size, second.size)
    if method == "auto":
        exact = max(n) < _AUTO_EXACT_BELOW and np.unique(both).size == both.size
        method = "exact" if exact else "normal-corrected"
    ranks = stats.rankdata(both)
    statistic = p_value = None
    if np.ptp(both):
        statistic = float(ranks[: first.size].sum() - first.size * (first.size + 1) / 2)
        if method == "exact":
            p_value = 2 * min(rank_sum_tails(_few(ranks), np.arange(both.size) < first.size))
        else:
            correct = method == "normal-corrected"
            p_value = stats.mannwhitneyu(
                first, second, use_continuity=correct, method="asymptotic"
            ).pvalue
    return HypothesisTest(
        method=f"Mann-Whitney U, {_RANK_METHODS[method]}",
        statistic_name="U",
        statistic=statistic,
        p_value=_capped(p_value),
        n=n,
    )


def wilcoxon_signed_rank(
    *, first: ArrayLike, second: ArrayLike, method: RankMethod = "auto"
) -> HypothesisTest:
    """Wilcoxon signed rank test of two values of the same cases.

    Parameters
    ----------
    first, second : array_like of float, shape (n,)
        The two values, pair by pair. Pairs without a difference are left out, and are not
        counted in the result's `n`.
    method : {"auto", "exact", "normal-corrected", "normal"}
        As in `mann_whitney`; "exact" takes all signs of the differences, at most 200 of
        them. "auto", as R: "exact" with fewer than 50 pairs, no ties and no pair left out.

    Returns
    -------
    HypothesisTest
        The statistic V sums the ranks of the pairs in which the first is above: R's V.

    Raises
    ------
    ValueError
        As `mann_whitney`, or if the two differ in length.
    """
    one_of("method", method, get_args(RankMethod))
    difference = _differences(first, second)
    moved = difference[difference != 0]
    sizes = np.abs(moved)
    if method == "auto":
        exact = difference.size < _AUTO_EXACT_BELOW and np.unique(sizes).size == difference.size
        method = "exact" if exact else "normal-corrected"
    statistic = p_value = None
    if moved.size:
        ranks = stats.rankdata(sizes)
        statistic = float(ranks[moved > 0].sum())
        if method == "exact":
            p_value = 2 * min(signed_rank_tails(_few(ranks), moved > 0))
        else:
            correct = method == "normal-corrected"
            p_value = stats.wilcoxon(moved, correction=correct, method="asymptotic").pvalue
    return HypothesisTest(
        method=f"Wilcoxon signed rank, {_RANK_METHODS[method]}",
        statistic_name="V",
        statistic=statistic,
        p_value=_capped(p_value),
        n=(moved.size,),
    )


def kruskal_wallis(*, groups: Sequence[ArrayLike]) -> HypothesisTest:
    """Kruskal-Wallis rank test of two groups or more, corrected for ties.

    Parameters
    ----------
    groups : sequence of array_like of float
        Values group by group, at least 2 groups.

    Raises
    ------
    ValueError
        If there are fewer groups, a group is empty or not one-dimensional, or a value is
        missing or infinite.
    """
    groups = _groups(groups)
    statistic = p_value = None
    if np.ptp(np.concatenate(groups)):
        statistic, p_value = map(float, stats.kruskal(*groups))
    return HypothesisTest(
        method="Kruskal-Wallis",
        statistic_name="H",
        statistic=statistic,
        p_value=p_value,
        n=tuple(group.size for group in groups),
        df=(len(groups) - 1,),
    )


def t_test(*, first: ArrayLike, second: ArrayLike, equal_variances: bool = True) -> HypothesisTest:
    """Student's t test of two groups, or Welch's where the variances may differ.

    Parameters and errors are those of `mann_whitney`; each group has at least 2 values.
    """
    groups = [_values("first", first, 2), _values("second", second, 2)]
    statistic = p_value = None
    df = ()
    if any(np.ptp(group) for group in groups):
        result = stats.ttest_ind(*groups, equal_var=equal_variances)
        statistic, p_value, df = float(result.statistic), float(result.pvalue), (float(result.df),)
    return HypothesisTest(
        method="Student's t" if equal_variances else "Welch's t",
        statistic_name="t",
        statistic=statistic,
        p_value=p_value,
        n=(groups[0].size, groups[1].size),
        df=df,
    )


def paired_t(*, first: ArrayLike, second: ArrayLike) -> HypothesisTest:
    """Student's t test of two values of the same cases.

    Parameters and errors are those of `wilcoxon_signed_rank`, with at least 2 pairs; pairs
    without a difference count.
    """
    difference = _differences(first, second, at_least=2)
    statistic = p_value = None
    if np.ptp(difference):
        statistic, p_value = map(float, stats.ttest_1samp(difference, 0.0))
    return HypothesisTest(
        method="paired t",
        statistic_name="t",
        statistic=statistic,
        p_value=p_value,
        n=(difference.size,),
        df=(difference.size - 1,),
    )


def anova(*, groups: Sequence[ArrayLike], equal_variances: bool = True) -> HypothesisTest:
    """One-way analysis of variance, or Welch's where the variances may differ.

    Parameters and errors are those of `kruskal_wallis`; each group has at least 2 values, and
    for Welch's test they vary within each.
    """
    groups = _groups(groups, at_least=2)
    spread = [bool(np.ptp(group)) for group in groups]
    statistic = p_value = None
    if any(spread) if equal_variances else all(spread):
        statistic, p_value = map(float, stats.f_oneway(*groups, equal_var=equal_variances))
    return HypothesisTest(
        method="one-way ANOVA" if equal_variances else "Welch's ANOVA",
        statistic_name="F",
        statistic=statistic,
        p_value=p_value,
        n=tuple(group.size for group in groups),
        df=() if statistic is None else _anova_df(groups, equal_variances),
    )


def _anova_df(groups: list[NDArray], equal_variances: bool) -> tuple[float, float]:
    sizes = np.array([group.size for group in groups])
    if equal_variances:
        return len(groups) - 1, int(sizes.sum()) - len(groups)
    weights = sizes / np.array([group.var(ddof=1) for group in groups])
    lost = np.sum((1 - weights / weights.sum()) ** 2 / (sizes - 1))
    return len(groups) - 1, float((len(groups) ** 2 - 1) / (3 * lost))


def _values(name: str, values: ArrayLike, at_least: int = 1) -> NDArray[np.floating]:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or array.size < at_least:
        raise ValueError(
            f"{name} must have shape (n,) with n at least {at_least}, got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers: leave out what is missing")
    return array


def _groups(groups: Sequence[ArrayLike], at_least: int = 1) -> list[NDArray[np.floating]]:
    if len(groups) < 2:
        raise ValueError(f"groups must hold at least 2 groups, got {len(groups)}")
    return [_values(f"groups[{k}]", group, at_least) for k, group in enumerate(groups)]


def _differences(first: ArrayLike, second: ArrayLike, at_least: int = 1) -> NDArray[np.floating]:
    first, second = _values("first", first, at_least), _values("second", second, at_least)
    if first.size != second.size:
        raise ValueError(f"second has {second.size} values, but first has {first.size}")
    return first - second


def _few(ranks: NDArray[np.floating]) -> NDArray[np.floating]:
    if ranks.size > _EXACT_AT_MOST:
        raise ValueError(
            f"method exact takes at most {_EXACT_AT_MOST} values, got {ranks.size}: "
            "use normal-corrected"
        )
    return ranks


def _capped(p_value: float | None) -> float | None:
    return None if p_value is None else min(1.0, float(p_value))
