"""What tables 2 and 3 share: micro-averaged metrics of decisions, and two arms to be compared."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan
from analysis.sections.parts import Part, read_by_all
from analysis.sections.rows import MetricRow, TestRow

METRICS = ("accuracy", "sensitivity", "specificity")


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


def metric_rows(
    part: Part, plan: Plan, decisions: NDArray[np.int8], *, subject: str, kind: str, stage: str
) -> Iterator[MetricRow]:
    """Micro-averaged one-vs-rest metrics of decisions, shape (n,) or (readers, n).

    Several readers are pooled, on the patients whom all of them read; who was not read is left
    out, and n, the number of decisions, says so.
    """
    named = {"cohort": part.cohort, "subject": subject, "kind": kind, "stage": stage}
    read = read_by_all(decisions)
    if not read.any():
        reason = "There is no decision." if decisions.ndim == 1 else "Nobody was read by all."
        for metric in METRICS:
            yield MetricRow(**named, metric=f"micro-averaged {metric}", n=0, reason=reason)
        return
    found = stats.bootstrap_micro_metrics(
        correct=decisions[..., read] == part.patients.truth[read],
        resamples=plan.intervals.resamples,
        level=plan.intervals.level,
        method=plan.intervals.method,
        seed=plan.seed,
    )
    for metric in METRICS:
        interval = getattr(found, metric)
        yield MetricRow(
            **named,
            metric=f"micro-averaged {metric}",
            n=found.estimate.n,
            count=found.estimate.correct,
            value=getattr(found.estimate, metric),
            low=interval.low,
            high=interval.high,
            level=interval.level,
            interval=f"bootstrap by patient, {interval.method}",
            resamples=interval.resamples,
        )
