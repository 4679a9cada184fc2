"""Permutation tests of statistics that are no sum, by random permutations.

For a difference of AUCs or of macro-averaged metrics the exact distribution is out of reach:
m random permutations stand for all. With b of them at least as extreme as what was observed,
p = (b + 1) / (m + 1), which counts the observed arrangement and is never 0.

References: Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 2010,
9:39, doi 10.2202/1544-6115.1585; Bandos, Rockette & Gur, Statistics in Medicine 2005, 24:2873,
doi 10.1002/sim.2149 (AUCs of paired arms).
"""

from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from analysis.stats._checks import one_of, whole_number
from analysis.stats.bootstrap_intervals import ROUNDING
from analysis.stats.metric_statistics import Average, Metric, metric_statistic
from analysis.stats.permutation import Alternative, PermutationResult
from analysis.stats.weighted_auc import auc_statistic, one_vs_rest_auc_statistics
from analysis.stats.weighted_statistics import WeightedStatistic

# Takes one row a permutation, bool of shape (rows, n_patients); returns values, shape (rows,).
MaskStatistic = Callable[[NDArray[np.bool_]], NDArray[np.float64]]

# Patients permuted at once: blocks small enough for a processor's cache are quickest, and their
# size leaves the result alone.
_CELLS_PER_BLOCK = 2**13


def paired_permutation_monte_carlo(
    *,
    statistic: MaskStatistic,
    n_patients: int,
    permutations: int = 9999,
    alternative: Alternative = "two-sided",
    seed: int | np.random.Generator,
) -> PermutationResult:
    """Test of two arms on the same patients, exchanging them within random patients.

    Parameters
    ----------
    statistic : callable
        Given `swaps`, bool of shape (rows, n_patients), True where a patient's two arms are
        exchanged, returns the difference a - b of each row, shape (rows,). Exchanging all
        patients must turn its sign.
    n_patients : int
        Number of patients, at least 1.
    permutations : int, default 9999
        Number of random exchanges, at least 1.
    alternative : {"two-sided", "greater", "less"}
        "two-sided": a difference at least as large in size; "greater": a is better than b;
        "less": a is worse than b.
    seed : int or numpy.random.Generator
        Source of randomness.

    Raises
    ------
    ValueError
        If a number is below 1 or `alternative` unknown; if the statistic returns another
        shape, or NaN.
    """
    n_patients = whole_number("n_patients", n_patients, at_least=1)
    permutations = whole_number("permutations", permutations, at_least=1)
    rng = np.random.default_rng(seed)
    swaps = (rng.random((rows, n_patients)) < 0.5 for rows in _rows(permutations, n_patients))
    return _result(
        statistic,
        observed=np.zeros((1, n_patients), dtype=bool),
        permuted=swaps,
        permutations=permutations,
        alternative=alternative,
        method="Monte Carlo paired permutation",
    )


def unpaired_permutation_monte_carlo(
    *,
    statistic: MaskStatistic,
    n_a: int,
    n_b: int,
    permutations: int = 9999,
    alternative: Alternative = "two-sided",
    seed: int | np.random.Generator,
) -> PermutationResult:
    """Test of two independent groups of patients, shuffling who belongs to which.

    Parameters
    ----------
    statistic : callable
        Given `in_a`, bool of shape (rows, n_a + n_b), True where a patient counts as of group
        a, returns the difference a - b of each row, shape (rows,). The first n_a patients are
        those of group a.
    n_a, n_b : int
        Number of patients in each group, at least 1.
    permutations, alternative, seed
        As in `paired_permutation_monte_carlo`.

    Raises
    ------
    ValueError
        As in `paired_permutation_monte_carlo`.
    """
    n_a, n_b = whole_number("n_a", n_a, at_least=1), whole_number("n_b", n_b, at_least=1)
    permutations = whole_number("permutations", permutations, at_least=1)
    rng = np.random.default_rng(seed)
    observed = np.arange(n_a + n_b)[np.newaxis] < n_a
    shuffled = (
        rng.permuted(np.repeat(observed, rows, axis=0), axis=1)
        for rows in _rows(permutations, n_a + n_b)
    )
    return _result(
        statistic,
        observed=observed,
        permuted=shuffled,
        permutations=permutations,
        alternative=alternative,
        method="Monte Carlo unpaired permutation",
    )


def paired_auc_permutation(
    *,
    truth: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    of: Average | int | None = None,
    permutations: int = 9999,
    alternative: Alternative = "two-sided",
    seed: int | np.random.Generator,
) -> PermutationResult:
    """Test that two scores of the same patients have the same AUC.

    Each arm's scores are first replaced by their ranks within the arm. That leaves its AUC
    alone and puts the arms on one scale, without which they could not be exchanged.

    Parameters
    ----------
    truth : array_like, shape (n_patients,)
        Positive or negative; or, with `of`, the true class.
    score_a, score_b : array_like of float, shape (n_patients,) or (n_patients, n_classes)
        The two arms' scores, all of one shape.
    of : {"micro", "macro"} or int, optional
        For scores of several classes: which one-vs-rest AUC.
    permutations, alternative, seed
        As in `paired_permutation_monte_carlo`.

    Raises
    ------
    ValueError
        As in `auc_statistic`, `one_vs_rest_auc_statistics` and
        `paired_permutation_monte_carlo`; if the arms differ in shape, or the AUC asked for
        is undefined.
    """
    score_a, score_b, truth = np.asarray(score_a), np.asarray(score_b), np.asarray(truth)
    if score_a.shape != score_b.shape:
        raise ValueError(f"score_b has shape {score_b.shape}, but score_a has {score_a.shape}")
    # Refuses what is wrong by name, before the arms are put together.
    for arm in (score_a, score_b):
        _auc_statistic(truth, arm, of)
    ranks = [rankdata(arm).reshape(arm.shape) for arm in (score_a, score_b)]
    both = _auc_statistic(np.concatenate([truth, truth]), np.concatenate(ranks), of)
    return paired_permutation_monte_carlo(
        statistic=exchange(both),
        n_patients=truth.size,
        permutations=permutations,
        alternative=alternative,
        seed=seed,
    )


def paired_metric_permutation(
    *,
    truth: ArrayLike,
    decision_a: ArrayLike,
    decision_b: ArrayLike,
    metric: Metric,
    of: Average | int,
    n_classes: int = 4,
    permutations: int = 9999,
    alternative: Alternative = "two-sided",
    seed: int | np.random.Generator,
) -> PermutationResult:
    """Test that two arms have the same value of a metric, such as the balanced accuracy.

    For the micro-averaged accuracy, sensitivity and specificity `paired_permutation` gives the
    exact p-value at once.

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class of each patient, 0 ... n_classes - 1.
    decision_a, decision_b : array_like of int, shape (n_patients,) or (n_readers, n_patients)
        The two arms' decisions, both of one shape. A patient's readers are exchanged together.
    metric, of, n_classes
        As in `metric_statistic`. A predictive value, undefined where nobody decides on the
        class, may be undefined in some permutation and is then refused.
    permutations, alternative, seed
        As in `paired_permutation_monte_carlo`.

    Raises
    ------
    ValueError
        As in `metric_statistic` and `paired_permutation_monte_carlo`; if the arms differ in
        shape.
    """
    decision_a, decision_b, truth = (np.asarray(x) for x in (decision_a, decision_b, truth))
    if decision_a.shape != decision_b.shape:
        raise ValueError(
            f"decision_b has shape {decision_b.shape}, but decision_a has {decision_a.shape}"
        )
    both = metric_statistic(
        truth=np.concatenate([truth, truth]),
        decision=np.concatenate([decision_a, decision_b], axis=-1),
        metric=metric,
        of=of,
        n_classes=n_classes,
    )
    return paired_permutation_monte_carlo(
        statistic=exchange(both),
        n_patients=truth.size,
        permutations=permutations,
        alternative=alternative,
        seed=seed,
    )


def exchange(both: WeightedStatistic) -> MaskStatistic:
    """The difference a - b of a statistic under exchanges, for `paired_permutation_monte_carlo`.

    `both` is the statistic of 2 n_patients patients: arm a's, then the same in arm b. An
    arm is those at weight 1, so nothing is sorted anew for any exchange.
    """

    def of_swaps(swaps: NDArray[np.bool_]) -> NDArray[np.float64]:
        arm_a = np.concatenate([~swaps, swaps], axis=1).astype(np.int64)
        return both(arm_a) - both(1 - arm_a)

    return of_swaps


def _auc_statistic(truth, score, of) -> WeightedStatistic:
    if of is None:
        return auc_statistic(truth=truth, score=score)
    named = one_vs_rest_auc_statistics(truth=truth, score=score).named()
    if of not in named:
        raise ValueError(f"of must be one of {', '.join(map(str, named))}; got {of!r}")
    return named[of]


def _rows(permutations: int, n_patients: int) -> Iterator[int]:
    """Sizes of the blocks that make up `permutations` rows."""
    rows = max(1, _CELLS_PER_BLOCK // n_patients)
    for start in range(0, permutations, rows):
        yield min(rows, permutations - start)


def _result(statistic, *, observed, permuted, permutations, alternative, method):
    one_of("alternative", alternative, get_args(Alternative))
    difference = float(_values(statistic, observed)[0])
    null = np.concatenate([_values(statistic, block) for block in permuted])
    return PermutationResult(
        difference=difference,
        p_value=_p_value(difference, null, alternative),
        n_patients=observed.shape[1],
        method=method,
        alternative=alternative,
        permutations=permutations,
    )


def _values(statistic: MaskStatistic, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    values = np.asarray(statistic(masks), dtype=np.float64)
    if values.shape != (len(masks),):
        raise ValueError(
            f"the statistic must return one value a row, shape ({len(masks)},), got {values.shape}"
        )
    if np.isnan(values).any():
        raise ValueError("the statistic is undefined (NaN) for some permutations")
    return values


def _p_value(observed: float, null: NDArray[np.float64], alternative: Alternative) -> float:
    """Values that only rounding sets apart from the observed one count as equal to it."""
    slack = ROUNDING * max(abs(observed), np.abs(null).max())
    extreme = {
        "two-sided": np.abs(null) >= abs(observed) - slack,
        "greater": null >= observed - slack,
        "less": null <= observed + slack,
    }[alternative]
    return (int(extreme.sum()) + 1) / (null.size + 1)
