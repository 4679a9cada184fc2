"""Performance of every reader with every modality, and how those figures covary over cases.

The readers saw the same cases, so their figures share the luck of the draw of cases. The
covariance says how much; `mrmc` needs it to tell that luck from differences of the readers.

References: DeLong, DeLong & Clarke-Pearson, Biometrics 1988, 44:837, doi 10.2307/2531595;
Gallas, Academic Radiology 2006, 13:353, doi 10.1016/j.acra.2005.11.030 (the unbiased,
"one-shot" estimate).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from analysis.stats._checks import one_of
from analysis.stats._placements import placements

MrmcMetric = Literal["auc", "accuracy", "sensitivity", "specificity"]
CovarianceMethod = Literal["delong", "jackknife", "unbiased"]


@dataclass(frozen=True)
class ReaderPerformance:
    """One figure for each modality and reader, and the covariances of all these figures.

    `estimates` has shape (n_modalities, n_readers). `covariance` has shape (n_modalities,
    n_readers, n_modalities, n_readers), the readers and modalities being fixed and the
    cases drawn anew; None where it was not asked for. `n_cases` counts the cases that the
    metric looks at: the positives alone for sensitivity.
    """

    metric: MrmcMetric
    estimates: NDArray[np.floating]
    covariance: NDArray[np.floating] | None
    covariance_method: CovarianceMethod | None
    n_cases: int


def reader_performance(
    *,
    truth: ArrayLike,
    ratings: ArrayLike,
    metric: MrmcMetric = "auc",
    covariance: CovarianceMethod | None = "delong",
) -> ReaderPerformance:
    """Each reader's performance with each modality, and the covariance matrix.

    Parameters
    ----------
    truth : array_like, shape (n_cases,)
        0 for a negative and 1 for a positive case. For "accuracy" any class indices.
    ratings : array_like, shape (n_modalities, n_readers, n_cases)
        Every reader's rating of every case with every modality: fully crossed. For "auc"
        numbers on any scale, continuous or ordinal, higher meaning more likely positive. For
        "sensitivity" and "specificity" the decisions, 0 or 1. For "accuracy" class indices,
        right where they equal `truth`.
    metric : {"auc", "accuracy", "sensitivity", "specificity"}
    covariance : {"delong", "jackknife", "unbiased"} or None
        "delong": structural components, each class of cases drawn by itself. "jackknife":
        leaves out one case at a time, of those that the metric looks at. "unbiased":
        U-statistics; the estimated variance of a small sample can come out negative and is
        left so. The three differ for the area only: for a proportion each is the cases'
        sample covariance over their number. None leaves it out.

    Raises
    ------
    ValueError
        If an argument has another shape, a rating is missing or not allowed for the metric,
        the metric looks at fewer than two cases (of either class, for "auc"), or `metric` or
        `covariance` is unknown.

    Notes
    -----
    R * T curves on n cases cost R * T sorts and one matrix product; "unbiased" also compares
    every positive with every negative case, one matrix product for each case of the smaller
    class.
    """
    one_of("metric", metric, get_args(MrmcMetric))
    if covariance is not None:
        one_of("covariance", covariance, get_args(CovarianceMethod))
    truth, ratings = _crossed(truth, ratings)
    if metric == "auc":
        curves, matrix, n_cases = _areas(_zero_or_one("truth", truth), ratings, covariance)
    else:
        curves, matrix, n_cases = _proportions(truth, ratings, metric)
    shape = ratings.shape[:2]
    return ReaderPerformance(
        metric=metric,
        estimates=curves.reshape(shape),
        covariance=None if covariance is None else matrix.reshape(shape + shape),
        covariance_method=covariance,
        n_cases=n_cases,
    )


def _areas(
    positive: NDArray[np.bool_], ratings: NDArray, method: CovarianceMethod | None
) -> tuple[NDArray, NDArray | None, int]:
    """Areas, shape (n_curves,), their covariance matrix, and the number of cases."""
    curves = ratings.reshape(-1, positive.size)
    above, below = curves[:, positive], curves[:, ~positive]
    m, n = above.shape[1], below.shape[1]
    if min(m, n) < 2:
        raise ValueError(
            f"truth must hold at least 2 positive and 2 negative cases for auc, got {m} and {n}"
        )
    placed = placements(above, below)
    if method is None:
        return placed.areas, None, m + n
    of_positive, of_negative = _covariance(placed.positive), _covariance(placed.negative)
    if method == "delong":
        matrix = of_positive / m + of_negative / n
    elif method == "jackknife":
        matrix = (of_positive / (m - 1) + of_negative / (n - 1)) * (m + n - 1) / (m + n)
    else:
        matrix = of_positive * n / (m * (n - 1)) + of_negative * m / (n * (m - 1))
        matrix -= _pair_covariance(above, below, placed.areas) / ((m - 1) * (n - 1))
    return placed.areas, matrix, m + n


def _proportions(
    truth: NDArray, decisions: NDArray, metric: MrmcMetric
) -> tuple[NDArray, NDArray, int]:
    """Proportions right, shape (n_curves,), their covariance matrix, and the number of cases."""
    if metric == "accuracy":
        for name, labels in (("truth", truth), ("ratings", decisions)):
            if not np.equal(np.mod(labels, 1), 0).all():
                raise ValueError(f"{name} must hold integer class indices for accuracy")
        right = decisions == truth
    else:
        positive = _zero_or_one("truth", truth)
        said_positive = _zero_or_one("ratings", decisions)
        right = (said_positive == positive)[..., positive == (metric == "sensitivity")]
    n_cases = right.shape[-1]
    if n_cases < 2:
        raise ValueError(f"truth must hold at least 2 cases for {metric} to look at, got {n_cases}")
    right = right.reshape(-1, n_cases).astype(float)
    return right.mean(axis=1), _covariance(right) / n_cases, n_cases


def _covariance(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Sample covariance of the rows: one matrix product."""
    centred = values - values.mean(axis=1, keepdims=True)
    return centred @ centred.T / (values.shape[1] - 1)


def _pair_covariance(
    above: NDArray[np.floating], below: NDArray[np.floating], areas: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Covariance of the curves' scores over all pairs of a positive and a negative case.

    A pair scores 1 where the positive case is rated higher, 1/2 for a tie and 0 otherwise;
    the mean score is the area.
    """
    m, n = above.shape[1], below.shape[1]
    ranks = rankdata(np.hstack([above, below]), axis=1, method="dense").astype(np.float32)
    # One matrix product for each case of the smaller class, against all of the larger.
    few, many = sorted((ranks[:, :m], ranks[:, m:]), key=lambda side: side.shape[1])
    products = np.zeros((len(ranks), len(ranks)))
    for column in few.T:
        # Ranks are whole numbers, so this is -1, 0 or 1: up to its sign, which is the same
        # for all curves, twice the score less 1. Single precision holds sums of products of
        # these exactly.
        signs = np.clip(many - column[:, np.newaxis], -1, 1)
        products += signs @ signs.T
    return products / (4 * m * n) - np.outer(areas - 0.5, areas - 0.5)


def _crossed(truth: ArrayLike, ratings: ArrayLike) -> tuple[NDArray, NDArray]:
    """Both as floats; the shapes agree and nothing is missing."""
    truth, ratings = _numbers("truth", truth), _numbers("ratings", ratings)
    if ratings.ndim != 3 or 0 in ratings.shape:
        raise ValueError(
            f"ratings must have shape (n_modalities, n_readers, n_cases), got {ratings.shape}"
        )
    if truth.shape != ratings.shape[2:]:
        raise ValueError(
            f"truth must have shape (n_cases,) = {ratings.shape[2:]}, got {truth.shape}"
        )
    if not np.isfinite(truth).all():
        raise ValueError(f"truth is missing for case {np.argmin(np.isfinite(truth))}, from 0")
    missing = np.argwhere(~np.isfinite(ratings))
    if len(missing):
        modality, reader, case = missing[0]
        raise ValueError(
            f"ratings must be fully crossed and finite; {len(missing)} missing, the first for "
            f"modality {modality}, reader {reader}, case {case}, each counted from 0"
        )
    return truth, ratings


def _numbers(name: str, values: ArrayLike) -> NDArray[np.floating]:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a full array of numbers") from None


def _zero_or_one(name: str, values: NDArray[np.floating]) -> NDArray[np.bool_]:
    if not np.isin(values, (0, 1)).all():
        raise ValueError(f"{name} must hold 0 and 1 only for this metric")
    return values.astype(bool)
