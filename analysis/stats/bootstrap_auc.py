"""Bootstrap intervals of AUCs, and of the difference between two arms' AUCs.

Resamples have as many patients of each class as there are, unless asked otherwise: an AUC is
conditional on the numbers of positive and negative patients.

Reference: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z, which has
the micro-averaged AUC with 1000 resamples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.stats.bootstrap_estimates import (
    BootstrapEstimate,
    IntervalMethod,
    bootstrap_statistics,
)
from analysis.stats.weighted_auc import auc_statistic, one_vs_rest_auc_statistics
from analysis.stats.weighted_statistics import difference_of


@dataclass(frozen=True)
class OneVsRestAUC:
    """One-vs-rest AUCs, or differences of them, with their intervals.

    A class that no patient has, or that every patient has, is None, and then so is `macro`.
    """

    micro: BootstrapEstimate
    macro: BootstrapEstimate | None
    per_class: tuple[BootstrapEstimate | None, ...]
    n_patients: int


def bootstrap_auc(
    *,
    truth: ArrayLike,
    score: ArrayLike,
    against: ArrayLike | None = None,
    stratified: bool = True,
    resamples: int = 1000,
    level: float = 0.95,
    method: IntervalMethod = "percentile",
    seed: int | np.random.Generator,
) -> BootstrapEstimate:
    """Bootstrap interval of the AUC of one score, or of the difference between two.

    Parameters
    ----------
    truth : array_like of bool, shape (n_patients,)
        Positive or negative.
    score : array_like of float, shape (n_patients,)
        Larger means more likely positive.
    against : array_like of float, shape (n_patients,), optional
        A second score of the same patients. If given, the statistic is the AUC of `score`
        less that of `against`, on the same resamples.
    stratified : bool, default True
        Resample positive and negative patients apart. If not, resamples without patients of
        either kind have no AUC; the result counts them.
    resamples, level, method, seed
        As in `bootstrap_statistics`.

    Raises
    ------
    ValueError
        As in `auc_statistic` and `bootstrap_statistics`.
    """
    statistic = auc_statistic(truth=truth, score=score)
    if against is not None:
        statistic = difference_of(statistic, auc_statistic(truth=truth, score=against))
    found = bootstrap_statistics(
        statistics={"AUC": statistic},
        strata=truth if stratified else None,
        resamples=resamples,
        level=level,
        method=method,
        seed=seed,
    )
    return found["AUC"]


def bootstrap_one_vs_rest_auc(
    *,
    truth: ArrayLike,
    score: ArrayLike,
    against: ArrayLike | None = None,
    stratified: bool = True,
    resamples: int = 1000,
    level: float = 0.95,
    method: IntervalMethod = "percentile",
    seed: int | np.random.Generator,
) -> OneVsRestAUC:
    """Bootstrap intervals of the micro, macro and per-class AUC, or of their differences.

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class, 0 ... n_classes - 1.
    score : array_like of float, shape (n_patients, n_classes)
        Score of each class, such as its probability.
    against : array_like of float, shape (n_patients, n_classes), optional
        Scores of a second arm. If given, every statistic is the AUC of `score` less that of
        `against`, on the same resamples.
    stratified : bool, default True
        Resample the patients of each true class apart.
    resamples, level, method, seed
        As in `bootstrap_statistics`.

    Raises
    ------
    ValueError
        As in `one_vs_rest_auc_statistics` and `bootstrap_statistics`; also if the two arms
        differ in the number of classes.
    """
    own = one_vs_rest_auc_statistics(truth=truth, score=score)
    statistics = own.named()
    if against is not None:
        other = one_vs_rest_auc_statistics(truth=truth, score=against)
        if len(other.per_class) != len(own.per_class):
            raise ValueError(
                f"against has {len(other.per_class)} classes, but score has {len(own.per_class)}"
            )
        others = other.named()
        statistics = {name: difference_of(statistics[name], others[name]) for name in statistics}
    found = bootstrap_statistics(
        statistics=statistics,
        strata=truth if stratified else None,
        resamples=resamples,
        level=level,
        method=method,
        seed=seed,
    )
    return OneVsRestAUC(
        micro=found["micro"],
        macro=found.get("macro"),
        per_class=tuple(found.get(k) for k in range(len(own.per_class))),
        n_patients=own.micro.n_patients,
    )
