"""Bootstrap confidence intervals of any statistic of patients.

Patients are the sampling unit. A resampled patient brings along every reader's decision on
that patient and both arms of a comparison, so that what was paired stays paired and the
interval knows that all saw the same cases.

References: Efron & Tibshirani, An Introduction to the Bootstrap (1993),
doi 10.1201/9780429246593; Davison & Hinkley, Bootstrap Methods and their Application (1997),
doi 10.1017/CBO9780511802843.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import confidence_level, correctness, one_of, whole_number
from analysis.stats.bootstrap_intervals import Interval, IntervalMethod, bootstrap_limits
from analysis.stats.micro_metrics import MicroMetrics, micro_metrics_from_correct
from analysis.stats.resampling import resample_counts, strata_members
from analysis.stats.weighted_statistics import Together, WeightedStatistic, estimate_of, product

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class BootstrapEstimate:
    """A statistic and its interval.

    `undefined` resamples had no value, such as a predictive value of a class that nobody
    decided on in them; the interval rests on the others alone, `interval.resamples` of them.
    `sampling` says what was drawn.
    """

    estimate: float
    interval: Interval
    n_patients: int
    undefined: int
    sampling: str


@dataclass(frozen=True)
class MicroMetricsIntervals:
    """The point estimates and, metric by metric, their intervals."""

    estimate: MicroMetrics
    n_patients: int
    accuracy: Interval
    sensitivity: Interval
    specificity: Interval


def bootstrap_statistics(
    *,
    statistics: Mapping[Name, WeightedStatistic],
    strata: ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    method: IntervalMethod = "percentile",
    seed: int | np.random.Generator,
) -> dict[Name, BootstrapEstimate]:
    """Bootstrap intervals of several statistics of the same patients, from the same resamples.

    Parameters
    ----------
    statistics : mapping of names to WeightedStatistic
        Any names. See `metric_statistic`, `auc_statistic`, `one_vs_rest_auc_statistics`, and
        `difference_of`, `mean_of` and `relative_reduction_of` to combine them.
    strata : array_like, shape (n_patients,), optional
        Resample within each of these groups, such as the true classes, so that every resample
        has as many patients of each. By default patients are drawn from all.
    resamples : int, default 1000
        Number of bootstrap samples of n_patients patients, drawn with replacement.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.
    method : {"percentile", "basic", "bca"}
        "percentile": quantiles of the resampled statistic, inside its range. "bca": those
        quantiles corrected for bias and acceleration, inside its range too. "basic": the
        recipe of the published study, Zhu et al., BMC Medicine 2022, 20:269,
        doi 10.1186/s12916-022-02469-z; unclipped, its limits may be beyond 0 or 1.
    seed : int or numpy.random.Generator
        Source of randomness. The same int, number of patients and strata draw the same
        patients.

    Returns
    -------
    dict of names to BootstrapEstimate, in the order given

    Raises
    ------
    ValueError
        If there is no statistic, or they differ in the number of patients; if one is undefined
        for these patients or in every resample; if `strata` has another shape, `resamples` is
        below 1, `level` outside (0, 1) or `method` unknown; where "bca" cannot be had (see
        `bootstrap_limits`).
    """
    if not statistics:
        raise ValueError("statistics is empty: name at least one")
    sizes = sorted({statistic.n_patients for statistic in statistics.values()})
    if len(sizes) != 1:
        raise ValueError(f"the statistics must be of the same patients, got {sizes} of them")
    level = confidence_level(level)
    one_of("method", method, get_args(IntervalMethod))
    members = strata_members(strata, n_patients=sizes[0])
    blocks = resample_counts(n_patients=sizes[0], resamples=resamples, strata=strata, seed=seed)
    columns = Together(statistics.values())(blocks)
    return {
        name: _estimate(
            name,
            statistic,
            values=column,
            members=members,
            level=level,
            method=method,
        )
        for (name, statistic), column in zip(statistics.items(), columns, strict=True)
    }


def _estimate(name, statistic, *, values, members, level, method) -> BootstrapEstimate:
    estimate = estimate_of(statistic)
    defined = values[~np.isnan(values)]
    if np.isnan(estimate) or not defined.size:
        raise ValueError(f"{name!r} is undefined for these patients: nothing to divide by")
    left_out = ()
    if method == "bca":
        jackknife = statistic.leave_one_out()
        left_out = [jackknife[patients] for patients in members]
    low, high = bootstrap_limits(
        defined, estimate=estimate, level=level, method=method, left_out=left_out
    )
    return BootstrapEstimate(
        estimate=estimate,
        interval=Interval(low=low, high=high, level=level, method=method, resamples=defined.size),
        n_patients=statistic.n_patients,
        undefined=values.size - defined.size,
        sampling="patients" if len(members) == 1 else "patients within strata",
    )


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
    method : {"percentile", "basic", "bca"}
        "percentile" takes the quantiles of the resampled metric, always inside [0, 1]. "bca"
        corrects those for bias and acceleration, inside [0, 1] too. "basic" (reverse
        percentile) mirrors them about the estimate; its limits are left unclipped and may be
        above 1 or below 0. Zhu et al. (BMC Medicine 2022, 20:269,
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
    level = confidence_level(level)

    n, n_patients = correct.size, correct.shape[-1]
    per_patient = correct.reshape(-1, n_patients).sum(axis=0)
    blocks = resample_counts(n_patients=n_patients, resamples=resamples, seed=seed)
    totals = np.concatenate([product(counts, per_patient[:, np.newaxis]) for counts in blocks])
    estimate = micro_metrics_from_correct(correct=int(correct.sum()), n=n, n_classes=n_classes)
    resampled = micro_metrics_from_correct(
        correct=totals[:, 0].astype(np.int64), n=n, n_classes=n_classes
    )

    left_out = _without_each(per_patient, n, n_classes) if method == "bca" else None

    def interval(metric: str) -> Interval:
        low, high = bootstrap_limits(
            getattr(resampled, metric),
            estimate=getattr(estimate, metric),
            level=level,
            method=method,
            left_out=[getattr(left_out, metric)] if left_out else (),
        )
        return Interval(low=low, high=high, level=level, method=method, resamples=resamples)

    return MicroMetricsIntervals(
        estimate=estimate,
        n_patients=n_patients,
        accuracy=interval("accuracy"),
        sensitivity=interval("sensitivity"),
        specificity=interval("specificity"),
    )


def _without_each(per_patient: NDArray[np.integer], n: int, n_classes: int) -> MicroMetrics:
    """The metrics of all but one patient, patient by patient: arrays of shape (n_patients,)."""
    n_patients = per_patient.size
    if n_patients == 1:
        raise ValueError("BCa limits need at least 2 patients: use the percentile method")
    return micro_metrics_from_correct(
        correct=per_patient.sum() - per_patient, n=n - n // n_patients, n_classes=n_classes
    )
