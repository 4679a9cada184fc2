"""Exact paired permutation test of two arms that diagnosed the same patients.

An arm is the model, a reader, or a group of readers pooled. Under the null hypothesis the two
arms may be exchanged within any patient, so each patient's difference is as likely to have
either sign. The distribution over all 2^n sign patterns is found whole: no Monte Carlo.

Reference: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005),
doi 10.1007/b138696.
"""

from dataclasses import dataclass
from math import lcm
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from analysis.stats._checks import correctness, one_of, same_patients

Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True)
class PermutationResult:
    """The observed difference, a - b, and its p-value.

    `permutations` is the number of random ones drawn, None where the p-value is exact.
    """

    difference: float
    p_value: float
    n_patients: int
    method: str
    alternative: Alternative
    permutations: int | None = None


def paired_permutation(
    *, a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided"
) -> PermutationResult:
    """Exact test that two arms diagnose equally well, swapping the arms within patients.

    The statistic is the proportion of right decisions in arm a less that in arm b. With the
    same patients throughout, micro-averaged sensitivity, specificity and accuracy are
    increasing functions of the number right, each on its own linear scale. One test and
    one p-value therefore serve all three.

    Parameters
    ----------
    a, b : array_like of bool, shape (n_patients,) or (n_readers, n_patients)
        Whether each decision was right. The arms may differ in the number of readers; the
        columns are the same patients in the same order.
    alternative : {"two-sided", "greater", "less"}
        "two-sided": a difference at least as large in size; "greater": a is better than b;
        "less": a is worse than b.

    Returns
    -------
    PermutationResult
        The p-value includes the observed pattern, so it is never below 2^-n, and is 1 for
        no difference, two-sided. A p-value too small for a double is returned as 0.

    Raises
    ------
    ValueError
        If an array is empty, has another shape or holds anything but 0 and 1; if `a` and
        `b` differ in the number of patients; if `alternative` is unknown.

    Notes
    -----
    Differences are scaled by the least common multiple of the two numbers of readers, which
    makes them integers: equal sums compare as equal. Positive terms alone are added up, from
    the tail asked for, so a small p-value keeps its relative accuracy.
    """
    a = np.atleast_2d(correctness("a", a))
    b = np.atleast_2d(correctness("b", b))
    same_patients(a=a, b=b)
    one_of("alternative", alternative, get_args(Alternative))

    scale = lcm(len(a), len(b))
    differences = a.sum(axis=0) * (scale // len(a)) - b.sum(axis=0) * (scale // len(b))
    n_patients = differences.size
    return PermutationResult(
        difference=float(differences.sum() / (scale * n_patients)),
        p_value=_p_value(differences, alternative),
        n_patients=n_patients,
        method="exact paired permutation",
        alternative=alternative,
    )


def _p_value(differences: NDArray[np.integer], alternative: Alternative) -> float:
    """The sign-flipped sum is symmetric about 0, so every alternative is an upper tail."""
    observed = int(differences.sum())
    sizes = np.abs(differences)
    if alternative == "greater":
        p_value = _upper_tail(sizes, observed)
    elif alternative == "less":
        p_value = _upper_tail(sizes, -observed)
    else:
        p_value = 2 * _upper_tail(sizes, abs(observed))
    return min(1.0, p_value)


def _upper_tail(sizes: NDArray[np.integer], threshold: int) -> float:
    """P(sum of randomly signed sizes >= threshold), for a threshold that the sum can take.

    The signed sum is 2 P - T, where P is the sum of the sizes that drew a plus and T the
    sum of all. Among m equal sizes the number of pluses is binomial(m, 1/2).
    """
    pmf, lowest = np.ones(1), 0  # pmf[i] is P(P == lowest + i)
    for size, count in zip(*np.unique(sizes[sizes > 0], return_counts=True), strict=True):
        first, binomial = _without_zero_ends(binom.pmf(np.arange(count + 1), count, 0.5))
        group = np.zeros(size * (binomial.size - 1) + 1)
        group[::size] = binomial
        dropped, pmf = _without_zero_ends(np.convolve(pmf, group))
        lowest += size * first + dropped
    start = (threshold + int(sizes.sum())) // 2 - lowest
    return float(pmf[max(0, start) :].sum())


def _without_zero_ends(pmf: NDArray[np.floating]) -> tuple[int, NDArray[np.floating]]:
    """How many zeros lead, and the rest less those that trail.

    The chances of the far ends are too small for a double. Without them, n patients take
    some 40 sqrt(n) terms, and so a convolution that grows no faster than n.
    """
    inside = np.flatnonzero(pmf)
    return int(inside[0]), pmf[inside[0] : inside[-1] + 1]
