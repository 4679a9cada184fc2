"""Agreement of diagnoses beyond chance: of each reader with the model, and among readers.

References: Cohen, Educational and Psychological Measurement 1960, 20:37,
doi 10.1177/001316446002000104; Fleiss, Cohen & Everitt, Psychological Bulletin 1969, 72:323,
doi 10.1037/h0028106 (standard errors of Cohen's kappa); Fleiss, Psychological Bulletin 1971,
76:378, doi 10.1037/h0031619; Gwet, Educational and Psychological Measurement 2021, 81:781,
doi 10.1177/0013164420973080 (standard error of Fleiss's kappa).
"""

from dataclasses import dataclass, replace
from itertools import combinations
from math import sqrt
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from analysis.stats._checks import (
    class_labels,
    confidence_level,
    one_of,
    same_patients,
    whole_number,
)
from analysis.stats.proportion_intervals import Rate, rate

KappaWeights = Literal["unweighted", "linear", "quadratic"]

_DISTANCES = {
    "unweighted": lambda first, second: (first != second).astype(int),
    "linear": lambda first, second: np.abs(first - second),
    "quadratic": lambda first, second: (first - second) ** 2,
}
_NAMES = {
    "unweighted": "Cohen's kappa",
    "linear": "Cohen's kappa, linear weights",
    "quadratic": "Cohen's kappa, quadratic weights",
}


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance of `n_readers` who diagnosed the same patients.

    `agreement` is the share of pairs of readers who agree on a patient, averaged over the
    patients; `unanimous` counts the patients on whom all agree. For two readers they are one
    share. `kappa` and what follows from it are None where every decision is the same class:
    chance alone then agrees fully. Where two readers' shares of each class leave kappa no
    other value than 0, as when one of them gave all patients the same class, it has no error
    or limits. `p_value`, two-sided, is of Cohen's kappa being 0.
    """

    kappa: float | None
    std_error: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    agreement: float
    unanimous: Rate
    n_readers: int
    n_patients: int
    method: str


@dataclass(frozen=True)
class ReadersAgreement:
    """Fleiss's kappa of all readers, and Cohen's of every pair, keyed by their numbers."""

    together: Kappa
    pairs: dict[tuple[int, int], Kappa]


def cohen_kappa(
    *,
    first: ArrayLike,
    second: ArrayLike,
    n_classes: int = 4,
    weights: KappaWeights = "unweighted",
    level: float = 0.95,
) -> Kappa:
    """Cohen's kappa of two readers, or of a reader and the model.

    Parameters
    ----------
    first, second : array_like of int, shape (n_patients,)
        The class that each decided on, 0 ... n_classes - 1.
    n_classes : int, default 4
        Number of classes, at least 2.
    weights : {"unweighted", "linear", "quadratic"}
        How much a disagreement counts: all alike, or by the distance of the two classes or
        its square. The weighted ones are for classes in an order, such as grades; the four
        etiologies have none.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    Kappa
        Limits are the normal ones with the large-sample standard error, cut to [-1, 1];
        full agreement gives a single point. `p_value` takes the standard error that holds
        where kappa is 0.

    Raises
    ------
    ValueError
        If an array is empty, not one-dimensional or holds anything but class indices; if the
        two differ in length; if `n_classes`, `weights` or `level` is not allowed.
    """
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    one_of("weights", weights, get_args(KappaWeights))
    first = class_labels("first", first, n_classes=n_classes)
    second = class_labels("second", second, n_classes=n_classes)
    same_patients(first=first, second=second)
    decisions, method = np.stack([first, second]), _NAMES[weights]
    if np.all(decisions == decisions[0, 0]):
        return _kappa(decisions, level, method)
    if _settled_by_the_shares(first, second, weights):
        return _kappa(decisions, level, method, kappa=0.0)
    from statsmodels.stats.inter_rater import cohens_kappa  # takes long to load: brings pandas

    table = np.zeros((n_classes, n_classes))
    np.add.at(table, (first.astype(np.intp), second.astype(np.intp)), 1)
    # The variance of full agreement is 0, and rounding may leave it a hair below.
    with np.errstate(invalid="ignore"):
        result = cohens_kappa(table, wt=None if weights == "unweighted" else weights)
    kappa, std_error = float(result.kappa), sqrt(max(0.0, float(result.var_kappa)))
    z = kappa / sqrt(result.var_kappa0)
    row = _kappa(decisions, level, method, kappa=kappa, std_error=std_error)
    return replace(row, p_value=float(2 * norm.sf(abs(z))))


def fleiss_kappa(*, decisions: ArrayLike, n_classes: int = 4, level: float = 0.95) -> Kappa:
    """Fleiss's kappa of two or more readers of the same patients.

    Parameters
    ----------
    decisions : array_like of int, shape (n_readers, n_patients)
        The class that each reader decided on, 0 ... n_classes - 1; at least 2 readers and 2
        patients.
    n_classes : int, default 4
        Number of classes, at least 2.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    Kappa
        Limits are the normal ones, cut to [-1, 1], for these readers and patients like
        these. The standard error is Gwet's: Fleiss's own holds only where kappa is 0.
        `p_value` is None.

    Raises
    ------
    ValueError
        If `decisions` has another shape, is too small or holds anything but class indices,
        or `n_classes` or `level` is not allowed.
    """
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    decisions = _several_readers(decisions, n_classes)
    n_readers, n_patients = decisions.shape
    method = "Fleiss's kappa"
    if np.all(decisions == decisions[0, 0]):
        return _kappa(decisions, level, method)
    counts = _counts(decisions, n_classes)
    prevalence = counts.mean(axis=0) / n_readers
    by_chance = float(prevalence @ prevalence)
    agreed = (counts * (counts - 1)).sum(axis=1) / (n_readers * (n_readers - 1))
    kappa = float((agreed.mean() - by_chance) / (1 - by_chance))
    agreed_by_chance = counts @ prevalence / n_readers
    # How far each patient moves kappa: by its agreement, and by what it adds to chance's.
    pulls = agreed - by_chance - 2 * (1 - kappa) * (agreed_by_chance - by_chance)
    pulls /= 1 - by_chance
    variance = np.sum((pulls - kappa) ** 2) / (n_patients * (n_patients - 1))
    return _kappa(decisions, level, method, kappa=kappa, std_error=sqrt(variance))


def agreement_with_model(
    *,
    decisions: ArrayLike,
    model: ArrayLike,
    n_classes: int = 4,
    weights: KappaWeights = "unweighted",
    level: float = 0.95,
) -> tuple[Kappa, ...]:
    """Cohen's kappa of each reader with the model, in one stage.

    `decisions` has shape (n_readers, n_patients), `model` (n_patients,); all else as in
    `cohen_kappa`. Unaided and aided decisions are two calls.
    """
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    decisions = np.atleast_2d(class_labels("decisions", decisions, n_classes=n_classes, max_ndim=2))
    model = class_labels("model", model, n_classes=n_classes)
    same_patients(decisions=decisions, model=model)
    return tuple(
        cohen_kappa(first=reader, second=model, n_classes=n_classes, weights=weights, level=level)
        for reader in decisions
    )


def agreement_among_readers(
    *,
    decisions: ArrayLike,
    n_classes: int = 4,
    weights: KappaWeights = "unweighted",
    level: float = 0.95,
) -> ReadersAgreement:
    """Agreement of the readers of a group with one another, in one stage.

    `decisions` is as in `fleiss_kappa`; `weights` are those of the pairs, as in
    `cohen_kappa`. Errors are those of the two.
    """
    n_classes = whole_number("n_classes", n_classes, at_least=2)
    decisions = _several_readers(decisions, n_classes)
    return ReadersAgreement(
        together=fleiss_kappa(decisions=decisions, n_classes=n_classes, level=level),
        pairs={
            (a, b): cohen_kappa(
                first=decisions[a],
                second=decisions[b],
                n_classes=n_classes,
                weights=weights,
                level=level,
            )
            for a, b in combinations(range(len(decisions)), 2)
        },
    )


def _settled_by_the_shares(
    first: NDArray[np.integer], second: NDArray[np.integer], weights: KappaWeights
) -> bool:
    """Whether any pairing of these two readers' decisions has kappa 0.

    It has where the distance is a sum of a part of the first class and a part of the second,
    over the classes that each reader used.
    """
    used_by_first, used_by_second = np.unique(first).astype(int), np.unique(second).astype(int)
    distance = _DISTANCES[weights](used_by_first[:, np.newaxis], used_by_second)
    return bool(np.all(distance - distance[:1] - distance[:, :1] + distance[0, 0] == 0))


def _several_readers(decisions: ArrayLike, n_classes: int) -> NDArray[np.integer]:
    decisions = class_labels("decisions", decisions, n_classes=n_classes, max_ndim=2)
    if decisions.ndim != 2 or min(decisions.shape) < 2:
        raise ValueError(
            "decisions must have shape (n_readers, n_patients), at least 2 of either, "
            f"got {decisions.shape}"
        )
    return decisions


def _counts(decisions: NDArray[np.integer], n_classes: int) -> NDArray[np.integer]:
    """Readers who chose each class, shape (n_patients, n_classes)."""
    return (decisions.T[:, :, np.newaxis] == np.arange(n_classes)).sum(axis=1)


def _kappa(
    decisions: NDArray[np.integer],
    level: float,
    method: str,
    *,
    kappa: float | None = None,
    std_error: float | None = None,
) -> Kappa:
    confidence_level(level)
    n_readers, n_patients = decisions.shape
    low = high = None
    if kappa is not None and std_error is not None:
        reach = float(norm.ppf((1 + level) / 2)) * std_error
        low, high = max(-1.0, kappa - reach), min(1.0, kappa + reach)
    counts = _counts(decisions, int(decisions.max()) + 1)
    agreed = (counts * (counts - 1)).sum(axis=1) / (n_readers * (n_readers - 1))
    return Kappa(
        kappa=kappa,
        std_error=std_error,
        low=low,
        high=high,
        level=level,
        p_value=None,
        agreement=float(agreed.mean()),
        unanimous=rate(count=int((agreed == 1).sum()), n=n_patients, level=level),
        n_readers=n_readers,
        n_patients=n_patients,
        method=method,
    )
