"""What tables of decisions share: micro-averaged metrics, and two arms to be compared."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan
from analysis.sections.parts import Part, read_by_all
from analysis.sections.rows import MetricRow, TestRow

METRICS = ("accuracy", "sensitivity", "specificity")
NO_DECISION = "Nobody was read."
NOT_BY_ALL = "Nobody was read by all of them."


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two arms' decisions, each shape (n,) or (readers, n), and what is asked of them."""

    question: str
    subject: str
    against: str
    a: NDArray[np.int8]
    b: NDArray[np.int8]

    def row(self, part: Part, **found) -> TestRow:
        """The row of a test of this comparison."""
        return TestRow(
            question=self.question,
            subject=self.subject,
            against=self.against,
            cohort=part.cohort,
            **found,
        )


def micro_rows(
    part: Part, plan: Plan, decisions: NDArray[np.int8], *, subject: str, kind: str, stage: str
) -> Iterator[MetricRow]:
    """Micro-averaged one-vs-rest metrics of decisions, shape (n,) or (readers, n).

    Several readers are pooled, on the patients whom all of them read; who was not read is left
    out, and n, the number of decisions, says so.
    """
    named = {"cohort": part.cohort, "subject": subject, "kind": kind, "stage": stage}
    read = read_by_all(decisions)
    if not read.any():
        reason = NO_DECISION if decisions.ndim == 1 else NOT_BY_ALL
        for metric in METRICS:
            yield MetricRow(**named, metric=f"micro-averaged {metric}", n=0, reason=reason)
        return
    correct = decisions[..., read] == part.patients.truth[read]
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
