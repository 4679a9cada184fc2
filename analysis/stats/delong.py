"""DeLong's nonparametric variance of the AUC, covariance of several, and tests of two.

A positive patient's placement is the share of the negatives that it outscores, ties counting
half; a negative patient's is the share of the positives that outscore it. Their means are the
AUC, and their variances give its variance:

    var(AUC) = S10 / m + S01 / n,

where S10 and S01 are the sample (co)variances of the placements of the m positive and the
n negative patients. Midranks give all placements in O(n log n).

References: DeLong, DeLong & Clarke-Pearson, Biometrics 1988, 44:837, doi 10.2307/2531595;
Sun & Xu, IEEE Signal Processing Letters 2014, 21:1389, doi 10.1109/LSP.2014.2337313. Intervals
and the unpaired test follow Robin et al., pROC, BMC Bioinformatics 2011, 12:77,
doi 10.1186/1471-2105-12-77.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit
from scipy.stats import norm

from analysis.stats._checks import confidence_level, positives, rankable_scores, same_patients
from analysis.stats._placements import placements
from analysis.stats.bootstrap_intervals import Interval


@dataclass(frozen=True)
class DeLongAUC:
    """An AUC, its variance and its Wald interval."""

    auc: float
    variance: float
    interval: Interval
    n_positive: int
    n_negative: int


@dataclass(frozen=True, eq=False)
class DeLongCurves:
    """AUCs, shape (n_curves,), and their covariance, shape (n_curves, n_curves)."""

    auc: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n_positive: int
    n_negative: int


@dataclass(frozen=True)
class DeLongTest:
    """Two-sided test that two AUCs are equal; `difference` and its interval are a - b.

    `statistic` is normal under the null hypothesis where `df` is None, else Student's t on
    `df` degrees of freedom. It and `p_value` are None where the estimated variance is 0 and
    the difference is not: the method then says nothing.
    """

    auc_a: float
    auc_b: float
    difference: float
    interval: Interval
    statistic: float | None
    df: float | None
    p_value: float | None
    n_patients: int
    method: str


def delong_auc(*, truth: ArrayLike, score: ArrayLike, level: float = 0.95) -> DeLongAUC:
    """AUC with DeLong's variance and a Wald interval.

    Parameters
    ----------
    truth : array_like of bool, shape (n_patients,)
        Positive or negative, at least two of each.
    score : array_like of float, shape (n_patients,)
        Larger means more likely positive.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    DeLongAUC
        The interval is AUC -+ z sqrt(variance) on the AUC's own scale, no logit, cut off at 0
        and 1, as pROC's. At an AUC of 0 or 1 the variance is 0 and the interval a point:
        prefer the bootstrap, or more patients.

    Raises
    ------
    ValueError
        If an array is empty, of another shape or of the wrong kind; if they differ in length;
        if there are fewer than two positive or two negative patients; if `level` is outside
        (0, 1).
    """
    level = confidence_level(level)
    curves = delong_covariance(truth=truth, scores=rankable_scores("score", score))
    auc, variance = float(curves.auc[0]), float(curves.covariance[0, 0])
    margin = float(norm.ppf((1 + level) / 2)) * sqrt(variance)
    return DeLongAUC(
        auc=auc,
        variance=variance,
        interval=Interval(
            low=max(0.0, auc - margin),
            high=min(1.0, auc + margin),
            level=level,
            method="DeLong, Wald cut off at 0 and 1",
        ),
        n_positive=curves.n_positive,
        n_negative=curves.n_negative,
    )


def delong_covariance(*, truth: ArrayLike, scores: ArrayLike) -> DeLongCurves:
    """AUCs of several scores of the same patients, and their covariance matrix.

    Parameters
    ----------
    truth : array_like of bool, shape (n_patients,)
        Positive or negative, at least two of each.
    scores : array_like of float, shape (n_patients,) or (n_curves, n_patients)
        One row a curve, such as a reader or a model.

    Raises
    ------
    ValueError
        As in `delong_auc`.
    """
    placed = _whole_placements(truth, scores)
    # Doubled placements are integers, so that equal ones have a variance of exactly 0.
    m, n = placed.n_positive, placed.n_negative
    spread = np.atleast_2d(np.cov(placed.positive)) / n**2 / m
    spread = spread + np.atleast_2d(np.cov(placed.negative)) / m**2 / n
    return DeLongCurves(auc=placed.auc, covariance=spread / 4, n_positive=m, n_negative=n)


def delong_paired(
    *, truth: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, level: float = 0.95
) -> DeLongTest:
    """DeLong's test of two scores of the same patients.

    Parameters
    ----------
    truth, level
        As in `delong_auc`.
    score_a, score_b : array_like of float, shape (n_patients,)
        The two scores.

    Returns
    -------
    DeLongTest
        A z test. The interval of the difference is Wald's, not cut off.

    Raises
    ------
    ValueError
        As in `delong_auc`.
    """
    score_a, score_b = rankable_scores("score_a", score_a), rankable_scores("score_b", score_b)
    same_patients(score_a=score_a, score_b=score_b)
    placed = _whole_placements(truth, np.stack([score_a, score_b]))
    m, n = placed.n_positive, placed.n_negative
    variance = (
        np.var(placed.positive[0] - placed.positive[1], ddof=1) / (4 * n**2) / m
        + np.var(placed.negative[0] - placed.negative[1], ddof=1) / (4 * m**2) / n
    )
    return _test(
        *placed.auc,
        variance=variance,
        df=None,
        level=level,
        n_patients=m + n,
        method="DeLong, paired",
    )


def delong_unpaired(
    *,
    truth_a: ArrayLike,
    score_a: ArrayLike,
    truth_b: ArrayLike,
    score_b: ArrayLike,
    level: float = 0.95,
) -> DeLongTest:
    """DeLong's test of two independent groups of patients, such as two cohorts.

    Parameters
    ----------
    truth_a, truth_b : array_like of bool, shapes (n_patients_a,) and (n_patients_b,)
        Positive or negative, at least two of each in either group.
    score_a, score_b : array_like of float, of the same shapes
        The score in each group.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    DeLongTest
        A t test with Welch and Satterthwaite's degrees of freedom,
        (va + vb)^2 / (va^2 / (na - 1) + vb^2 / (nb - 1)), where v is an AUC's variance and n
        its number of patients, as pROC's. The interval of the difference is not cut off.

    Raises
    ------
    ValueError
        As in `delong_auc`.
    """
    truth_a, truth_b = positives("truth_a", truth_a), positives("truth_b", truth_b)
    a = delong_auc(truth=truth_a, score=rankable_scores("score_a", score_a))
    b = delong_auc(truth=truth_b, score=rankable_scores("score_b", score_b))
    n_a, n_b = a.n_positive + a.n_negative, b.n_positive + b.n_negative
    variance = a.variance + b.variance
    spread = a.variance**2 / (n_a - 1) + b.variance**2 / (n_b - 1)
    return _test(
        a.auc,
        b.auc,
        variance=variance,
        df=variance**2 / spread if spread else None,
        level=level,
        n_patients=n_a + n_b,
        method="DeLong, unpaired",
    )


@dataclass(frozen=True, eq=False)
class _WholePlacements:
    """Placements times twice the number of their opponents: whole numbers.

    `positive`, shape (n_curves, n_positive), and `negative`, shape (n_curves, n_negative).
    """

    positive: NDArray[np.float64]
    negative: NDArray[np.float64]

    @property
    def n_positive(self) -> int:
        return self.positive.shape[1]

    @property
    def n_negative(self) -> int:
        return self.negative.shape[1]

    @property
    def auc(self) -> NDArray[np.float64]:
        return self.positive.sum(axis=1) / (2 * self.n_positive * self.n_negative)


def _whole_placements(truth: ArrayLike, rows: ArrayLike) -> _WholePlacements:
    truth = positives("truth", truth)
    rows = np.atleast_2d(rankable_scores("scores", rows, max_ndim=2))
    same_patients(truth=truth, scores=rows)
    m, n = truth.sum(), (~truth).sum()
    if min(m, n) < 2:
        raise ValueError("DeLong's variance needs at least 2 positive and 2 negative patients")
    shares = placements(rows[:, truth], rows[:, ~truth])
    return _WholePlacements(
        positive=np.rint(2 * n * shares.positive), negative=np.rint(2 * m * shares.negative)
    )


def _test(
    auc_a: float,
    auc_b: float,
    *,
    variance: float,
    df: float | None,
    level: float,
    n_patients: int,
    method: str,
) -> DeLongTest:
    level = confidence_level(level)
    difference, error = float(auc_a - auc_b), sqrt(variance)
    upper = (1 + level) / 2
    margin = error * float(norm.ppf(upper) if df is None else stdtrit(df, upper))
    statistic = p_value = None
    if error > 0:
        statistic = difference / error
        tail = norm.cdf(-abs(statistic)) if df is None else stdtr(df, -abs(statistic))
        p_value = min(1.0, 2 * float(tail))
    elif difference == 0:
        statistic, p_value = 0.0, 1.0
    return DeLongTest(
        auc_a=float(auc_a),
        auc_b=float(auc_b),
        difference=difference,
        interval=Interval(
            low=difference - margin, high=difference + margin, level=level, method=method
        ),
        statistic=statistic,
        df=df,
        p_value=p_value,
        n_patients=n_patients,
        method=method,
    )
