"""ROC curves and the areas under them: binary, and each class of several against the rest.

References: Hanley & McNeil, Radiology 1982, 143:29, doi 10.1148/radiology.143.1.7063747; the
micro-averaged curve is that of Zhu et al., BMC Medicine 2022, 20:269,
doi 10.1186/s12916-022-02469-z.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import positives, rankable_scores, same_patients
from analysis.stats.weighted_auc import one_vs_rest_cells


@dataclass(frozen=True, eq=False)
class RocCurve:
    """An ROC curve's points, one a distinct score, and the area under it.

    `threshold`, `false_positive_rate` and `true_positive_rate` have shape (n_points,). At each
    point the cells that score `threshold` or more are called positive. The first point, at
    infinity, calls none. The curve is straight between points, so that `auc` is the chance
    that a positive cell outscores a negative one, a tie counting half.
    """

    threshold: NDArray[np.float64]
    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    auc: float
    n_positive: int
    n_negative: int
    n_patients: int


@dataclass(frozen=True, eq=False)
class OneVsRestRoc:
    """One curve a class against the rest, and the micro-averaged one.

    `micro` pools the cells of all classes: n_patients positive ones and n_classes - 1 times
    as many negative ones. A class that no patient has, or that every patient has, is None,
    and then so is `macro_auc`, the mean of the classes' AUCs.
    """

    micro: RocCurve
    per_class: tuple[RocCurve | None, ...]
    macro_auc: float | None
    n_patients: int


def roc_curve(*, truth: ArrayLike, score: ArrayLike) -> RocCurve:
    """ROC curve and AUC of one score, in O(n log n).

    Parameters
    ----------
    truth : array_like of bool, shape (n_patients,)
        Positive or negative.
    score : array_like of float, shape (n_patients,)
        Larger means more likely positive.

    Raises
    ------
    ValueError
        If an array is empty, of another shape or of the wrong kind; if they differ in length;
        if no patient is positive, or none negative.
    """
    truth, score = positives("truth", truth), rankable_scores("score", score)
    same_patients(truth=truth, score=score)
    return _curve(truth, score, n_patients=truth.size)


def one_vs_rest_roc(*, truth: ArrayLike, score: ArrayLike) -> OneVsRestRoc:
    """ROC curves and AUCs of several classes, each against the rest.

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class, 0 ... n_classes - 1.
    score : array_like of float, shape (n_patients, n_classes)
        Score of each class, such as its probability. The micro average compares scores of
        different classes with each other; the others do not.

    Raises
    ------
    ValueError
        If an array is empty, of another shape or of the wrong kind, or if they differ in the
        number of patients.
    """
    _, score, is_class = one_vs_rest_cells(truth, score)
    n_patients = len(score)
    per_class = tuple(
        _curve(positive, column, n_patients=n_patients) if 0 < positive.sum() < n_patients else None
        for positive, column in zip(is_class.T, score.T, strict=True)
    )
    macro = None if None in per_class else float(np.mean([curve.auc for curve in per_class]))
    return OneVsRestRoc(
        micro=_curve(is_class.ravel(), score.ravel(), n_patients=n_patients),
        per_class=per_class,
        macro_auc=macro,
        n_patients=n_patients,
    )


def _curve(positive: NDArray[np.bool_], score: NDArray[np.float64], *, n_patients: int) -> RocCurve:
    order = np.argsort(score)[::-1]
    positive, score = positive[order], score[order]
    # The last cell of each run of equal scores; counts run up to and including it.
    ends = np.append(np.flatnonzero(score[1:] != score[:-1]), score.size - 1)
    true = np.append(0, np.cumsum(positive)[ends])
    false = np.append(0, ends + 1 - true[1:])
    n_positive, n_negative = int(true[-1]), int(false[-1])
    doubled_area = int(np.sum(np.diff(false) * (true[1:] + true[:-1])))
    return RocCurve(
        threshold=np.append(np.inf, score[ends]),
        false_positive_rate=false / n_negative,
        true_positive_rate=true / n_positive,
        auc=doubled_area / (2 * n_positive * n_negative),
        n_positive=n_positive,
        n_negative=n_negative,
        n_patients=n_patients,
    )
