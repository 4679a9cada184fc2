"""Bootstrap intervals by the plan, as rows; what can't be had is told, not raised."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from analysis import stats
from analysis.plan import Plan
from analysis.sections._row_types import MetricRow

Name = TypeVar("Name", bound=Hashable)

UNDEFINED = "Not defined for these patients: there is nothing to divide by."


def metric_rows(
    statistics: Mapping[str, stats.WeightedStatistic],
    plan: Plan,
    *,
    strata: ArrayLike | None = None,
    n: int | None = None,
    **named: Any,
) -> Iterator[MetricRow]:
    """A row a statistic, the name its metric, all from the same resamples of patients.

    ``n`` is the number of decisions, if it is not that of patients.
    """
    for metric, estimate in estimates(statistics, plan, strata=strata).items():
        yield metric_row(estimate, n=n or statistics[metric].n_patients, metric=metric, **named)


def metric_row(found: stats.BootstrapEstimate | str, *, n: int, **named: Any) -> MetricRow:
    """The row of an estimate, or of the reason why there is none."""
    if isinstance(found, str):
        return MetricRow(**named, n=n, reason=found)
    resamples = found.interval.resamples
    return MetricRow(**named, n=n, value=found.estimate, resamples=resamples, **limits(found))


def limits(found: stats.BootstrapEstimate) -> dict[str, Any]:
    """The interval's columns of a row."""
    return {
        "low": found.interval.low,
        "high": found.interval.high,
        "level": found.interval.level,
        "interval": f"bootstrap by patient, {found.interval.method}",
    }


def estimates(
    statistics: Mapping[Name, stats.WeightedStatistic],
    plan: Plan,
    *,
    strata: ArrayLike | None = None,
) -> dict[Name, stats.BootstrapEstimate | str]:
    """Each statistic with its interval, or the reason why there is none."""
    defined = {
        name: statistic
        for name, statistic in statistics.items()
        if not np.isnan(stats.estimate_of(statistic))
    }
    found: dict[Name, stats.BootstrapEstimate | str] = dict.fromkeys(statistics, UNDEFINED)
    if plan.intervals.method == "bca":
        return found | {name: _alone(each, plan, strata) for name, each in defined.items()}
    return found | (_together(defined, plan, strata) if defined else {})


def _together(statistics, plan: Plan, strata) -> dict[str, stats.BootstrapEstimate]:
    return stats.bootstrap_statistics(
        statistics=statistics,
        strata=strata,
        resamples=plan.intervals.resamples,
        level=plan.intervals.level,
        method=plan.intervals.method,
        seed=plan.seed,
    )


def _alone(statistic, plan: Plan, strata) -> stats.BootstrapEstimate | str:
    """BCa limits can't be had of every statistic, such as of a reader who is always right."""
    try:
        return _together({"one": statistic}, plan, strata)["one"]
    except ValueError as error:
        return str(error)
