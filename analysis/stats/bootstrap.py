"""Bootstrap confidence intervals of the micro-averaged metrics.

Patients are the sampling unit. A resampled patient brings along every reader's decision on
that patient, so pooled readers stay paired and the interval knows that they saw the same
cases.

References: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13
(percentile); Davison & Hinkley, Bootstrap Methods and their Application (1997),
doi 10.1017/CBO9780511802843, section 5.2 (basic).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import correctness, one_of, whole_number
from analysis.stats.metrics import MicroMetrics, micro_metrics_from_correct

IntervalMethod = Literal["percentile", "basic"]

# Patient indices drawn at once, 8 bytes each: bounds the memory, leaves the result alone.
_INDICES_PER_BLOCK = 2**20


@dataclass(frozen=True)
class Interval:
    """Confidence limits at `level`, and how they were found."""

    low: float
    high: float
    level: float
    method: IntervalMethod
    resamples: int


@dataclass(frozen=True)
class MicroMetricsIntervals:
    """The point estimates and, metric by metric, their intervals."""

    estimate: MicroMetrics
    n_patients: int
    accuracy: Interval
    sensitivity: Interval
    specificity: Interval


def bootstrap_micro_metrics(
    *,
    correct: ArrayLike,
    resamples: int = 1000,
    level: float = 0.95,
    method: IntervalMethod = "percentile",
    n_classes: int = 4,
    seed: int | np.random.Generator,
) -> MicroMetricsIntervals:
    """Bootstrap intervals of micro-averaged accuracy, sensitivity and specificity.

    Parameters
    ----------
    correct : array_like of bool, shape (n_patients,) or (n_readers, n_patients)
        Whether each decision was right. Several readers are pooled.
    resamples : int, default 1000
        Number of bootstrap samples of n_patients patients, drawn with replacement.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.
    method : {"percentile", "basic"}
        "percentile" takes the quantiles of the resampled metric, always inside [0, 1].
        "basic" (reverse percentile) mirrors them about the estimate; its limits are left
        unclipped and may be above 1 or below 0. Zhu et al. (BMC Medicine 2022, 20:269,
        doi 10.1186/s12916-022-02469-z) print limits of the basic kind.
    n_classes : int, default 4
        Number of classes, at least 2.
    seed : int or numpy.random.Generator
        Source of randomness. The same int and number of patients draw the same patients.

    Returns
    -------
    MicroMetricsIntervals
        Proportions, not percentages. With no wrong (or no right) decision at all, every
        resample is alike and the interval is a single point.

    Raises
    ------
    ValueError
        If `correct` is empty, has another shape or holds anything but 0 and 1; if
        `resamples` is below 1, `level` outside (0, 1), `method` unknown or `n_classes`
        below 2.
    """
    correct = correctness("correct", correct)
    resamples = whole_number("resamples", resamples, at_least=1)
    one_of("method", method, get_args(IntervalMethod))
    if not 0 < level < 1:
        raise ValueError(f"level must be strictly between 0 and 1, got {level!r}")

    n, n_patients = correct.size, correct.shape[-1]
    per_patient = correct.reshape(-1, n_patients).sum(axis=0)
    totals = _resampled_totals(per_patient, resamples, np.random.default_rng(seed))
    estimate = micro_metrics_from_correct(correct=int(correct.sum()), n=n, n_classes=n_classes)
    resampled = micro_metrics_from_correct(correct=totals, n=n, n_classes=n_classes)

    def interval(metric: str) -> Interval:
        low, high = _limits(getattr(resampled, metric), getattr(estimate, metric), level, method)
        return Interval(low=low, high=high, level=level, method=method, resamples=resamples)

    return MicroMetricsIntervals(
        estimate=estimate,
        n_patients=n_patients,
        accuracy=interval("accuracy"),
        sensitivity=interval("sensitivity"),
        specificity=interval("specificity"),
    )


def _resampled_totals(
    per_patient: NDArray[np.integer], resamples: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Sum of `per_patient`, shape (n_patients,), over each resample; shape (resamples,)."""
    n_patients = per_patient.size
    rows = max(1, _INDICES_PER_BLOCK // n_patients)
    totals = np.empty(resamples, dtype=np.int64)
    for start in range(0, resamples, rows):
        block = totals[start : start + rows]
        chosen = rng.integers(n_patients, size=(block.size, n_patients))
        per_patient[chosen].sum(axis=1, out=block)
    return totals


def _limits(
    values: NDArray[np.floating], estimate: float, level: float, method: IntervalMethod
) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2]).tolist()
    if method == "basic":
        return 2 * estimate - high, 2 * estimate - low
    return low, high
