"""Rows of micro-averaged metrics of decisions, which several sections have."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan
from analysis.sections._row_types import MetricRow
from analysis.sections._subsets import NO_DECISION, NOT_BY_ALL, Subset, read_by_all

METRICS = ("accuracy", "sensitivity", "specificity")


def micro_rows(
    subset: Subset, plan: Plan, decisions: NDArray[np.int8], *, subject: str, kind: str, stage: str
) -> Iterator[MetricRow]:
    """Micro-averaged one-vs-rest metrics of decisions, shape (n,) or (readers, n).

    Several readers are pooled, on the patients whom all of them read; who was not read is left
    out, and n, the number of decisions, says so.
    """
    named = {"cohort": subset.cohort, "subject": subject, "kind": kind, "stage": stage}
    read = read_by_all(decisions)
    if not read.any():
        reason = NO_DECISION if decisions.ndim == 1 else NOT_BY_ALL
        for metric in METRICS:
            yield MetricRow(**named, metric=f"micro-averaged {metric}", n=0, reason=reason)
        return
    correct = decisions[..., read] == subset.patients.truth[read]
    counted = stats.micro_metrics_from_correct(correct=int(correct.sum()), n=correct.size)
    limits, reason = _limits(correct, plan)
    for metric in METRICS:
        yield MetricRow(
            **named,
            metric=f"micro-averaged {metric}",
            n=counted.n,
            count=counted.correct,
            value=getattr(counted, metric),
            reason=reason,
            **limits.get(metric, {}),
        )


def _limits(correct: NDArray[np.bool_], plan: Plan) -> tuple[dict[str, dict], str | None]:
    """The interval's columns by metric; none, and the reason, where BCa limits can't be had."""
    try:
        found = stats.bootstrap_micro_metrics(
            correct=correct,
            resamples=plan.intervals.resamples,
            level=plan.intervals.level,
            method=plan.intervals.method,
            seed=plan.seed,
        )
    except ValueError as error:
        if plan.intervals.method != "bca":
            raise
        return {}, str(error)
    intervals = {metric: getattr(found, metric) for metric in METRICS}
    return {
        metric: {
            "low": interval.low,
            "high": interval.high,
            "level": interval.level,
            "interval": f"bootstrap by patient, {interval.method}",
            "resamples": interval.resamples,
        }
        for metric, interval in intervals.items()
    }, None
