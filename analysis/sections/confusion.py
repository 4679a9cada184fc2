"""Confusion matrices, and each etiology's metrics against the rest."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._bootstrap_rows import metric_rows
from analysis.sections._row_types import MetricRow
from analysis.sections._subsets import (
    ALL_COHORTS,
    MODEL,
    STAGES,
    ReaderRows,
    Subset,
    all_readers,
    each_reader,
    read_by_all,
    reader_groups,
    subsets,
)
from analysis.study_arrays import StudyData
from readerstudy.diagnosis import Etiology

NAME = "confusion"
TITLE = "Confusion matrices, and each etiology"
READS = ("intervals", "seed")
CLASS_METRICS = ("sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True, kw_only=True)
class CountRow:
    """Decisions for one etiology on patients of one; those of several readers are added up."""

    cohort: str
    subject: str
    kind: str
    stage: str
    truth: str
    decision: str
    count: int


@dataclass(frozen=True, eq=False)
class _MatrixArm:
    """Decisions, shape (n,) or (readers, n), on patients whom all of its readers read."""

    named: dict[str, str]
    truth: NDArray[np.int8]
    decisions: NDArray[np.int8]


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``counts`` and ``metrics``; a reader's own metrics are of all cohorts together."""
    arms = [arm for subset in subsets(data) for arm in _arms(data, subset)]
    metrics = (
        row
        for arm in arms
        if arm.named["kind"] != "reader" or arm.named["cohort"] == ALL_COHORTS
        for row in _metrics(arm, plan)
    )
    counts = (row for arm in arms for row in _counts(arm))
    return {"tables": {"counts": table(CountRow, counts), "metrics": table(MetricRow, metrics)}}


def _arms(data: StudyData, subset: Subset) -> Iterator[_MatrixArm]:
    everybody: list[ReaderRows] = [*each_reader(data), *reader_groups(data), all_readers(data)]
    arms = [((MODEL, "model", ""), subset.patients.model)]
    arms += [
        ((readers.name, readers.kind, name), subset.decisions[list(readers.rows), stage])
        for readers in everybody
        for stage, name in enumerate(STAGES)
    ]
    for (subject, kind, stage), decisions in arms:
        read = read_by_all(decisions)
        if read.any():
            named = {"cohort": subset.cohort, "subject": subject, "kind": kind, "stage": stage}
            yield _MatrixArm(named, subset.patients.truth[read], decisions[..., read])


def _counts(arm: _MatrixArm) -> Iterator[CountRow]:
    matrix = stats.confusion_matrix(truth=arm.truth, decision=arm.decisions)
    for truth in Etiology:
        for decision in Etiology:
            yield CountRow(
                **arm.named,
                truth=truth.value,
                decision=decision.value,
                count=int(matrix[truth.class_index, decision.class_index]),
            )


def _metrics(arm: _MatrixArm, plan: Plan) -> Iterator[MetricRow]:
    statistics = {
        f"{etiology.value} {metric}": stats.metric_statistic(
            truth=arm.truth, decision=arm.decisions, metric=metric, of=etiology.class_index
        )
        for etiology in Etiology
        for metric in CLASS_METRICS
    }
    yield from metric_rows(statistics, plan, n=arm.decisions.size, **arm.named)
