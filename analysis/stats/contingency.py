"""Tests of a table of counts: do the groups differ in how often they fall in each category?

Conventions are those of R's chisq.test and fisher.test. References: Pearson, Philosophical
Magazine 1900, 50:157, doi 10.1080/14786440009463897; Yates, Supplement to the Journal of the
Royal Statistical Society 1934, 1:217, doi 10.2307/2983604; Agresti, Categorical Data Analysis
(2002), doi 10.1002/0471249688.
"""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.stats._checks import whole_number
from analysis.stats.continuous_tests import HypothesisTest


def chi_squared(*, table: ArrayLike, correct: bool = False) -> HypothesisTest:
    """Pearson's chi-squared test.

    Parameters
    ----------
    table : array_like of int, shape (n_groups, n_categories)
        Counts, one row a group. Categories that nobody is in are left out; if only one is
        left there is nothing to test.
    correct : bool, default False
        Yates's continuity correction, for 2 groups and 2 categories.

    Raises
    ------
    ValueError
        If `table` is not two-dimensional with at least 2 rows, holds anything but counts or
        has an empty group; if `correct` is asked for on a larger table.
    """
    table = _counts(table)
    if correct and max(table.shape) > 2:
        raise ValueError(f"correct is for 2 groups and 2 categories, got {table.shape}")
    statistic = p_value = None
    df = ()
    if table.shape[1] > 1:
        result = stats.chi2_contingency(table, correction=correct)
        statistic, p_value, df = float(result.statistic), float(result.pvalue), (result.dof,)
    return HypothesisTest(
        method="chi-squared with Yates's correction" if correct else "chi-squared",
        statistic_name="chi-squared",
        statistic=statistic,
        p_value=p_value,
        n=tuple(table.sum(axis=1).tolist()),
        df=df,
    )


def fisher_exact(
    *, table: ArrayLike, resamples: int = 99_999, seed: int | np.random.Generator = 0
) -> HypothesisTest:
    """Fisher's exact test; by simulation where the table is larger than 2 x 2.

    Parameters
    ----------
    table : array_like of int, shape (n_groups, n_categories)
        As in `chi_squared`.
    resamples : int, default 99999
        Tables to draw, with the margins of this one, if it is larger than 2 x 2. The
        p-value is the share of tables no likelier than this one, itself included, and
        `p_error` the standard error of that share.
    seed : int or numpy.random.Generator, default 0
        Source of randomness; not used for a 2 x 2 table.

    Raises
    ------
    ValueError
        As `chi_squared`, or if `resamples` is below 1.
    """
    table = _counts(table)
    resamples = whole_number("resamples", resamples, at_least=1)
    p_value = p_error = None
    simulated = max(table.shape) > 2
    if table.shape[1] > 1:
        drawn = stats.MonteCarloMethod(n_resamples=resamples, rng=np.random.default_rng(seed))
        found = stats.fisher_exact(table, method=drawn if simulated else None)
        p_value = float(found.pvalue)
        p_error = sqrt(p_value * (1 - p_value) / resamples) if simulated else None
    return HypothesisTest(
        method="Fisher's exact, simulated" if simulated else "Fisher's exact",
        statistic_name=None,
        statistic=None,
        p_value=p_value,
        n=tuple(table.sum(axis=1).tolist()),
        p_error=p_error,
    )


def smallest_expected(*, table: ArrayLike) -> float:
    """The smallest count expected if groups and categories were independent.

    Below 5 the chi-squared approximation is commonly held to be doubtful. `table` and errors
    are as in `chi_squared`.
    """
    return float(stats.contingency.expected_freq(_counts(table)).min())


def _counts(table: ArrayLike) -> NDArray[np.integer]:
    counts = np.asarray(table)
    if counts.ndim != 2 or counts.shape[0] < 2 or counts.shape[1] < 1:
        raise ValueError(
            f"table must have shape (n_groups, n_categories), 2 groups or more, got {counts.shape}"
        )
    if counts.dtype.kind not in "iu" or counts.min() < 0:
        raise ValueError("table must hold counts: integers, none negative")
    empty = np.flatnonzero(counts.sum(axis=1) == 0)
    if empty.size:
        raise ValueError(f"table has nobody in row {empty[0]}, counted from 0")
    return counts[:, counts.sum(axis=0) > 0]
