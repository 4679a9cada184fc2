"""McNemar's test of two paired diagnoses of the same patients.

The patient-level test, right or wrong on n pairs, is the valid one. The one-vs-rest test
is the recipe of Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z, kept
for comparison with print: it treats the cells of one patient as independent.

Reference: Fagerland, Lydersen & Laake, BMC Medical Research Methodology 2013, 13:91,
doi 10.1186/1471-2288-13-91.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, chi2

from analysis.stats._checks import (
    class_labels,
    correctness,
    one_of,
    same_patients,
    whole_number,
)

McNemarMethod = Literal["exact", "mid-p", "chi2", "chi2-corrected"]


@dataclass(frozen=True)
class McNemarResult:
    """Discordant pairs b and c, the test's name, and its two-sided p-value.

    `statistic` is the chi-squared statistic on 1 degree of freedom, None for the binomial
    methods.
    """

    b: int
    c: int
    statistic: float | None
    p_value: float
    method: McNemarMethod


@dataclass(frozen=True)
class OneVsRestMcNemar:
    """One test on all one-vs-rest cells, one on the positive and one on the negative cells."""

    accuracy: McNemarResult
    sensitivity: McNemarResult
    specificity: McNemarResult


def mcnemar(*, b: int, c: int, method: McNemarMethod = "exact") -> McNemarResult:
    """Two-sided McNemar test from the two discordant counts.

    Parameters
    ----------
    b, c : int
        Pairs where only the first was right, and where only the second was.
    method : {"exact", "mid-p", "chi2", "chi2-corrected"}
        "exact": twice the binomial(b + c, 1/2) tail up to min(b, c), at most 1.
        "mid-p": the exact tail less half its last term, doubled.
        "chi2": (b - c)^2 / (b + c), no continuity correction.
        "chi2-corrected": (|b - c| - 1)^2 / (b + c).

    Raises
    ------
    ValueError
        If `b` or `c` is not an integer or is negative, or `method` is unknown.

    Notes
    -----
    When b == c every method gives p = 1, also with no discordant pair. For "mid-p" this is
    what the definition yields; Fagerland et al. subtract half the central term instead.
    "chi2-corrected" applies no correction then, as R's mcnemar.test, and its statistic is 0.
    """
    b = whole_number("b", b, at_least=0)
    c = whole_number("c", c, at_least=0)
    one_of("method", method, get_args(McNemarMethod))
    if method in ("exact", "mid-p"):
        statistic = None
        p_value = _binomial_p_value(b, c, mid=method == "mid-p")
    else:
        statistic = _chi2_statistic(b, c, corrected=method == "chi2-corrected")
        p_value = float(chi2.sf(statistic, df=1))
    return McNemarResult(b=b, c=c, statistic=statistic, p_value=p_value, method=method)


def mcnemar_patient_level(
    *, correct_a: ArrayLike, correct_b: ArrayLike, method: McNemarMethod = "exact"
) -> McNemarResult:
    """McNemar test of right or wrong, one pair a patient.

    Parameters
    ----------
    correct_a, correct_b : array_like of bool, shape (n_patients,)
        Whether each of the two diagnoses of a patient was right. In the result, b counts
        the patients that only a got right, c those that only b got right.
    method : {"exact", "mid-p", "chi2", "chi2-corrected"}
        As in `mcnemar`.

    Raises
    ------
    ValueError
        If an array is empty, not one-dimensional or holds anything but 0 and 1; if the two
        differ in length; if `method` is unknown.
    """
    correct_a = correctness("correct_a", correct_a, max_ndim=1)
    correct_b = correctness("correct_b", correct_b, max_ndim=1)
    same_patients(correct_a=correct_a, correct_b=correct_b)
    return _from_pairs(correct_a, correct_b, method)


def mcnemar_one_vs_rest(
    *,
    truth: ArrayLike,
    decision_a: ArrayLike,
    decision_b: ArrayLike,
    n_classes: int = 4,
    method: McNemarMethod = "chi2",
) -> OneVsRestMcNemar:
    """McNemar tests on the one-vs-rest cells, as published.

    Each patient has n_classes cells, one a class: "is it this class?". Accuracy is tested
    on all n_classes x n cells, sensitivity on the n positive and specificity on the
    (n_classes - 1) x n negative ones. The sensitivity test is the patient-level test. The
    other two take a patient's cells for independent, which they are not: a patient whom
    only a got right is two discordant pairs in the accuracy test. Report the patient-level
    test first.

    Parameters
    ----------
    truth, decision_a, decision_b : array_like of int, shape (n_patients,)
        True class and the two decisions, 0 ... n_classes - 1.
    n_classes : int, default 4
        Number of classes, at least 2.
    method : {"chi2", "chi2-corrected", "exact", "mid-p"}
        As in `mcnemar`. "chi2" is the one that most of the printed marks of significance
        are consistent with.

    Raises
    ------
    ValueError
        If an array is empty, not one-dimensional or holds anything but class indices; if
        the three differ in length; if `n_classes` is below 2 or `method` unknown.
    """
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    truth = class_labels("truth", truth, n_classes=n_classes)
    decision_a = class_labels("decision_a", decision_a, n_classes=n_classes)
    decision_b = class_labels("decision_b", decision_b, n_classes=n_classes)
    same_patients(truth=truth, decision_a=decision_a, decision_b=decision_b)

    one_hot = np.eye(n_classes, dtype=bool)
    positive = one_hot[truth.astype(np.intp)]
    correct_a = one_hot[decision_a.astype(np.intp)] == positive
    correct_b = one_hot[decision_b.astype(np.intp)] == positive
    return OneVsRestMcNemar(
        accuracy=_from_pairs(correct_a, correct_b, method),
        sensitivity=_from_pairs(correct_a[positive], correct_b[positive], method),
        specificity=_from_pairs(correct_a[~positive], correct_b[~positive], method),
    )


def _from_pairs(
    correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_], method: McNemarMethod
) -> McNemarResult:
    only_a, only_b = np.sum(correct_a & ~correct_b), np.sum(~correct_a & correct_b)
    return mcnemar(b=only_a, c=only_b, method=method)


def _binomial_p_value(b: int, c: int, *, mid: bool) -> float:
    fewer, discordant = min(b, c), b + c
    p_value = 2 * binom.cdf(fewer, discordant, 0.5)
    if mid:
        p_value -= binom.pmf(fewer, discordant, 0.5)
    return min(1.0, float(p_value))


def _chi2_statistic(b: int, c: int, *, corrected: bool) -> float:
    if b == c:
        return 0.0
    return (abs(b - c) - corrected) ** 2 / (b + c)
