"""Accuracy, sensitivity and specificity of a multi-class diagnosis, micro-averaged one-vs-rest.

Each of n decisions among C classes is C yes/no cells, one a class: "is it this class?".
The cells of all classes are summed before any ratio is taken. The four-class figures in
Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z, are of this kind.
A group of readers is its readers pooled: every reader's decision counts once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import class_labels, same_patients, whole_number


@dataclass(frozen=True)
class OneVsRestCounts:
    """Cells summed over the classes; together n decisions x n_classes."""

    tp: int
    fp: int
    fn: int
    tn: int


@dataclass(frozen=True)
class MicroMetrics:
    """Micro-averaged metrics, as proportions in [0, 1], of n decisions, `correct` of them right.

    All but `n` are arrays where `micro_metrics_from_correct` was given an array.
    """

    n: int
    correct: int | NDArray[np.integer]
    accuracy: float | NDArray[np.floating]
    sensitivity: float | NDArray[np.floating]
    specificity: float | NDArray[np.floating]


def one_vs_rest_counts(
    *, truth: ArrayLike, decision: ArrayLike, n_classes: int = 4
) -> OneVsRestCounts:
    """Count the one-vs-rest cells, summed over the classes.

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class of each patient, 0 ... n_classes - 1.
    decision : array_like of int, shape (n_patients,) or (n_readers, n_patients)
        Class decided on. Several readers are pooled, each against the same truth.
    n_classes : int, default 4
        Number of classes, at least 2.

    Raises
    ------
    ValueError
        If an array is empty, has another shape, holds anything but class indices, or if
        `decision` and `truth` differ in the number of patients.
    """
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    truth = class_labels("truth", truth, n_classes=n_classes)
    decision = class_labels("decision", decision, n_classes=n_classes, max_ndim=2)
    same_patients(truth=truth, decision=decision)

    classes = np.arange(n_classes)
    is_class = truth[..., np.newaxis] == classes
    said_class = decision[..., np.newaxis] == classes
    return OneVsRestCounts(
        tp=int(np.sum(is_class & said_class)),
        fp=int(np.sum(~is_class & said_class)),
        fn=int(np.sum(is_class & ~said_class)),
        tn=int(np.sum(~is_class & ~said_class)),
    )


def micro_metrics(*, truth: ArrayLike, decision: ArrayLike, n_classes: int = 4) -> MicroMetrics:
    """Micro-averaged accuracy, sensitivity and specificity, from the one-vs-rest cells.

    Parameters, shapes and errors are those of `one_vs_rest_counts`. The `n` of the result
    is the number of decisions: n_readers x n_patients for pooled readers.
    """
    cells = one_vs_rest_counts(truth=truth, decision=decision, n_classes=n_classes)
    positive, negative = cells.tp + cells.fn, cells.fp + cells.tn
    return MicroMetrics(
        n=positive,
        correct=cells.tp,
        accuracy=(cells.tp + cells.tn) / (positive + negative),
        sensitivity=cells.tp / positive,
        specificity=cells.tn / negative,
    )


def micro_metrics_from_correct(
    *, correct: int | ArrayLike, n: int, n_classes: int = 4
) -> MicroMetrics:
    """Micro-averaged metrics from the number of right decisions alone.

    A wrong decision is one false negative and one false positive, whichever classes are
    confused. So, with C classes and error rate e = 1 - correct / n, the sensitivity is
    1 - e, the specificity 1 - e / (C - 1) and the accuracy 1 - 2 e / C.

    Parameters
    ----------
    correct : int or array_like of int, any shape
        Number of right decisions. An array gives arrays of the same shape.
    n : int
        Number of decisions, at least 1.
    n_classes : int, default 4
        Number of classes C, at least 2.

    Raises
    ------
    ValueError
        If `correct` is not integer or not within 0 ... n, or `n` or `n_classes` is too small.
    """
    n = whole_number("n", n, at_least=1)
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    counts = np.asarray(correct)
    if counts.dtype.kind not in "iu":
        raise ValueError(f"correct must be an integer count, got dtype {counts.dtype}")
    if np.any(counts < 0) or np.any(counts > n):
        raise ValueError(f"correct must be within 0 ... n, where n is {n}")
    correct = counts if counts.ndim else int(counts)
    error = 1 - correct / n
    return MicroMetrics(
        n=n,
        correct=correct,
        accuracy=1 - 2 * error / n_classes,
        sensitivity=correct / n,
        specificity=1 - error / (n_classes - 1),
    )
