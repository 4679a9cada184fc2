"""Confusion matrix, and each class's metrics against the rest, with their macro averages.

A macro average is the mean of the classes' metrics, so that each class counts alike however
many patients have it. `micro_metrics` has the micro averages, which sum the classes' cells first.
Decisions of the two-level hierarchy are brought to level 1 by `to_level_1`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import class_labels, same_patients, whole_number

# Each metric is the first sum of cells over the second. It is undefined where that is 0.
CELLS_OF = {
    "sensitivity": (("tp",), ("tp", "fn")),
    "specificity": (("tn",), ("tn", "fp")),
    "accuracy": (("tp", "tn"), ("tp", "fp", "fn", "tn")),
    "ppv": (("tp",), ("tp", "fp")),
    "npv": (("tn",), ("tn", "fn")),
    "false_negative_rate": (("fn",), ("tp", "fn")),
    "false_positive_rate": (("fp",), ("tn", "fp")),
}


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the rest, of n decisions; None where nothing is there to divide by.

    `ppv` and `npv` are the positive and negative predictive values at the prevalence of these
    patients.
    """

    n: int
    tp: int
    fp: int
    fn: int
    tn: int
    sensitivity: float | None
    specificity: float | None
    accuracy: float
    ppv: float | None
    npv: float | None


@dataclass(frozen=True)
class MacroMetrics:
    """Means over the classes of n decisions; None where a class's metric is undefined."""

    n: int
    n_classes: int
    sensitivity: float | None
    specificity: float | None
    accuracy: float
    ppv: float | None
    npv: float | None

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of the classes' sensitivities, by its other name."""
        return self.sensitivity


def confusion_matrix(
    *, truth: ArrayLike, decision: ArrayLike, n_classes: int = 4
) -> NDArray[np.int64]:
    """Count the decisions by true class (row) and class decided on (column).

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class of each patient, 0 ... n_classes - 1.
    decision : array_like of int, shape (n_patients,) or (n_readers, n_patients)
        Class decided on. Several readers are pooled, each against the same truth.
    n_classes : int, default 4
        Number of classes, at least 2.

    Returns
    -------
    ndarray of int, shape (n_classes, n_classes)

    Raises
    ------
    ValueError
        If an array is empty, has another shape, holds anything but class indices, or if
        `decision` and `truth` differ in the number of patients.
    """
    truth, decision, n_classes = checked_decisions(truth, decision, n_classes)
    pairs = n_classes * truth + decision
    return np.bincount(pairs.ravel(), minlength=n_classes**2).reshape(n_classes, n_classes)


def class_metrics(
    *, truth: ArrayLike, decision: ArrayLike, n_classes: int = 4
) -> tuple[ClassMetrics, ...]:
    """Metrics of each class against the rest, in class order.

    Parameters, shapes and errors are those of `confusion_matrix`.
    """
    counts = confusion_matrix(truth=truth, decision=decision, n_classes=n_classes)
    tp, n = np.diag(counts), int(counts.sum())
    fn, fp = counts.sum(axis=1) - tp, counts.sum(axis=0) - tp
    return tuple(
        _metrics(tp=int(tp[k]), fp=int(fp[k]), fn=int(fn[k]), tn=int(n - tp[k] - fn[k] - fp[k]))
        for k in range(len(counts))
    )


def macro_metrics(*, truth: ArrayLike, decision: ArrayLike, n_classes: int = 4) -> MacroMetrics:
    """Macro-averaged metrics, among them the balanced accuracy.

    Parameters, shapes and errors are those of `confusion_matrix`. A class that no patient
    has leaves the sensitivity undefined, one that nobody decided on the ppv.
    """
    per_class = class_metrics(truth=truth, decision=decision, n_classes=n_classes)
    means = {}
    for name in ("sensitivity", "specificity", "accuracy", "ppv", "npv"):
        values = [getattr(metrics, name) for metrics in per_class]
        means[name] = None if None in values else sum(values) / len(values)
    return MacroMetrics(n=per_class[0].n, n_classes=len(per_class), **means)


def binary_metrics(*, truth: ArrayLike, decision: ArrayLike) -> ClassMetrics:
    """Metrics of a yes/no diagnosis, such as malignant or not.

    Parameters
    ----------
    truth : array_like of int or bool, shape (n_patients,)
        1 or True where positive.
    decision : array_like of int or bool, shape (n_patients,) or (n_readers, n_patients)
        1 or True where called positive. Several readers are pooled.

    Raises
    ------
    ValueError
        As in `confusion_matrix`, with two classes.
    """
    return class_metrics(truth=truth, decision=decision, n_classes=2)[1]


def to_level_1(*, labels: ArrayLike, level_1_of: Sequence[int]) -> NDArray[np.integer]:
    """Classes of level 2 brought to level 1, such as four etiologies to benign or malignant.

    Parameters
    ----------
    labels : array_like of int, shape (n_patients,) or (n_readers, n_patients)
        Level-2 classes, 0 ... len(level_1_of) - 1: truth or decisions.
    level_1_of : sequence of int
        The level-1 class of each level-2 class; (0, 0, 1, 1) if the last two are malignant.

    Raises
    ------
    ValueError
        If `labels` is empty, has another shape or holds anything but class indices; if
        `level_1_of` holds anything but integers from 0, or fewer than two.
    """
    parents = np.asarray(level_1_of)
    if parents.ndim != 1 or parents.size < 2 or parents.dtype.kind not in "iu":
        raise ValueError(
            f"level_1_of must list the level-1 class of each class, got {level_1_of!r}"
        )
    if parents.min() < 0:
        raise ValueError(f"level_1_of must hold class indices from 0, got {level_1_of!r}")
    return parents[class_labels("labels", labels, n_classes=parents.size, max_ndim=2)]


def checked_decisions(
    truth: ArrayLike, decision: ArrayLike, n_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """The three arguments of most functions here, or ValueError saying which one is wrong."""
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    truth = class_labels("truth", truth, n_classes=n_classes)
    decision = class_labels("decision", decision, n_classes=n_classes, max_ndim=2)
    same_patients(truth=truth, decision=decision)
    return truth.astype(np.int64), decision.astype(np.int64), n_classes


def _metrics(**cells: int) -> ClassMetrics:
    def ratio(name: str) -> float | None:
        numerator, denominator = (sum(cells[c] for c in part) for part in CELLS_OF[name])
        return numerator / denominator if denominator else None

    return ClassMetrics(
        n=sum(cells.values()),
        **cells,
        sensitivity=ratio("sensitivity"),
        specificity=ratio("specificity"),
        accuracy=ratio("accuracy"),
        ppv=ratio("ppv"),
        npv=ratio("npv"),
    )
