"""Permutation test of two independent groups of patients, such as two cohorts.

Under the null hypothesis it is chance who is in which group, so every choice of n_a of the
n_a + n_b patients is as likely. For right or wrong, the number right in group a is then
hypergeometric, as in Fisher's exact test. For other whole numbers, such as how many of the
readers were right, its distribution is found whole by convolution.

References: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005),
doi 10.1007/b138696; Pagano & Tritchler, Journal of the American Statistical Association 1983,
78:435, doi 10.1080/01621459.1983.10477990.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, hypergeom

from analysis.stats._checks import one_of, rankable_scores
from analysis.stats.permutation import Alternative, PermutationResult
from analysis.stats.permutation_monte_carlo import unpaired_permutation_monte_carlo

UnpairedMethod = Literal["auto", "exact", "monte-carlo"]

# Multiplications of the convolution, up to which the test is exact: a second or two.
_EXACT_WORK = 2**31
_LARGEST_SUM = 2**31
_TWO_VALUES = 2


def unpaired_permutation(
    *,
    a: ArrayLike,
    b: ArrayLike,
    alternative: Alternative = "two-sided",
    method: UnpairedMethod = "auto",
    permutations: int = 9999,
    seed: int | np.random.Generator | None = None,
) -> PermutationResult:
    """Test that two groups of patients have the same mean, shuffling who is in which.

    Parameters
    ----------
    a, b : array_like of number, shapes (n_patients_a,) and (n_patients_b,)
        One finite number a patient: right or wrong, how many readers were right, or any score.
    alternative : {"two-sided", "greater", "less"}
        "two-sided": a difference of means at least as large in size. It is not Fisher's
        two-sided rule, which adds up the tables no likelier than the one observed; the two
        agree for groups of one size. "greater": a's mean is larger than b's; "less": smaller.
    method : {"auto", "exact", "monte-carlo"}
        "exact" needs two distinct values, or whole numbers whose convolution takes no more
        than a second or two. "auto" is exact where that can be had, else Monte Carlo.
    permutations, seed
        For Monte Carlo, as in `paired_permutation_monte_carlo`.

    Returns
    -------
    PermutationResult
        `difference` is mean(a) - mean(b). An exact p-value too small for a double is 0.

    Raises
    ------
    ValueError
        If an array is empty, not one-dimensional or not of finite numbers; if `alternative`
        or `method` is unknown; if "exact" is out of reach; if Monte Carlo has no seed.
    """
    a, b = rankable_scores("a", a), rankable_scores("b", b)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a and b must hold finite numbers")
    one_of("alternative", alternative, get_args(Alternative))
    one_of("method", method, get_args(UnpairedMethod))
    pooled = np.concatenate([a, b])
    steps = _whole_steps(pooled)
    out_of_reach = steps is None or _is_too_long(steps, a.size)
    if method == "exact" and out_of_reach:
        raise ValueError(
            "the exact test needs two distinct values, or whole numbers that are few and small"
        )
    if method == "monte-carlo" or out_of_reach:
        return _monte_carlo(a, b, alternative, permutations, seed)
    pmf = _sum_pmf(steps, a.size)
    return PermutationResult(
        difference=float(a.mean() - b.mean()),
        p_value=_p_value(pmf, steps, a.size, alternative),
        n_patients=pooled.size,
        method="exact unpaired permutation, "
        + ("hypergeometric" if steps.max() <= 1 else "convolution"),
        alternative=alternative,
    )


def _whole_steps(values: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """The values as whole steps above the least, as small as can be; None if they are none."""
    distinct, steps = np.unique(values, return_inverse=True)
    if distinct.size <= _TWO_VALUES:
        return steps
    if np.any(distinct != np.round(distinct)) or np.ptp(distinct) > _LARGEST_SUM:
        return None
    above = (distinct - distinct[0]).astype(np.int64)
    return (above // np.gcd.reduce(above))[steps]


def _is_too_long(steps: NDArray[np.int64], n_a: int) -> bool:
    """Whether the convolution takes too long to wait for."""
    if steps.max() <= 1:
        return False
    size = min(n_a, steps.size - n_a)
    top = int(np.sort(steps)[-size:].sum())
    return steps.size * (size + 1) * (top + 1) > _EXACT_WORK


def _sum_pmf(steps: NDArray[np.int64], n_a: int) -> NDArray[np.float64]:
    """P(the steps of n_a random patients add up to s), for s = 0, 1, ... sum(steps)."""
    total = int(steps.sum())
    if steps.max() <= 1:
        return hypergeom.pmf(np.arange(total + 1), steps.size, total, n_a)
    size = min(n_a, steps.size - n_a)
    chances = _convolved(*np.unique(steps, return_counts=True), size)
    pmf = np.zeros(total + 1)
    pmf[: chances.size] = chances
    # The rest of the patients have what these have not.
    return pmf if size == n_a else pmf[::-1]


def _convolved(
    values: NDArray[np.int64], counts: NDArray[np.int64], size: int
) -> NDArray[np.float64]:
    """P(sum of `size` patients drawn without replacement), `counts` of them of each value.

    Draw each patient with chance size / n, and the sum is that of a random subset, given that
    it has `size` members. So: the joint chances of number and sum, value by value, of which
    the row of `size` is kept. Positive terms alone are added up.
    """
    n = int(counts.sum())
    top = int(np.sort(np.repeat(values, counts))[-size:].sum())
    joint = np.zeros((size + 1, top + 1))
    joint[0, 0] = 1
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        drawn = binom.pmf(np.arange(min(count, size) + 1), count, size / n)
        grown = drawn[0] * joint
        for k in range(1, drawn.size):
            grown[k:, k * value :] += drawn[k] * joint[: size + 1 - k, : top + 1 - k * value]
        joint = grown
    return joint[size] / binom.pmf(size, n, size / n)


def _p_value(
    pmf: NDArray[np.float64], steps: NDArray[np.int64], n_a: int, alternative: Alternative
) -> float:
    """Tail of the sum in group a, which with the total fixed stands for the difference."""
    observed = int(steps[:n_a].sum())
    sums = np.arange(pmf.size)
    excess = steps.size * sums - n_a * int(steps.sum())
    extreme = {
        "two-sided": np.abs(excess) >= abs(excess[observed]),
        "greater": sums >= observed,
        "less": sums <= observed,
    }[alternative]
    return min(1.0, float(pmf[extreme].sum()))


def _monte_carlo(a, b, alternative, permutations, seed) -> PermutationResult:
    if seed is None:
        raise ValueError("seed is needed: the exact test is out of reach for these numbers")
    pooled = np.concatenate([a, b])

    def difference(in_a: NDArray[np.bool_]) -> NDArray[np.float64]:
        return in_a @ pooled / a.size - ~in_a @ pooled / b.size

    return unpaired_permutation_monte_carlo(
        statistic=difference,
        n_a=a.size,
        n_b=b.size,
        permutations=permutations,
        alternative=alternative,
        seed=seed,
    )
