"""Confusion matrices, and each etiology's metrics against the rest."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.document import table
from analysis.plan import Plan
from analysis.sections.bootstrap import metric_rows
from analysis.sections.parts import (
    ALL_COHORTS,
    MODEL,
    STAGES,
    Part,
    Readers,
    all_readers,
    each_reader,
    groups,
    parts,
    read_by_all,
)
from analysis.sections.rows import MetricRow
from analysis.study_data import StudyData
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
class _Arm:
    """Decisions, shape (n,) or (readers, n), on patients whom all of its readers read."""

    named: dict[str, str]
    truth: NDArray[np.int8]
    decisions: NDArray[np.int8]


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``counts`` and ``metrics``; a reader's own metrics are of all cohorts together."""
    arms = [arm for part in parts(data) for arm in _arms(data, part)]
    metrics = (
        row
        for arm in arms
        if arm.named["kind"] != "reader" or arm.named["cohort"] == ALL_COHORTS
        for row in _metrics(arm, plan)
    )
    counts = (row for arm in arms for row in _counts(arm))
    return {"tables": {"counts": table(CountRow, counts), "metrics": table(MetricRow, metrics)}}


def _arms(data: StudyData, part: Part) -> Iterator[_Arm]:
    everybody: list[Readers] = [*each_reader(data), *groups(data), all_readers(data)]
    arms = [((MODEL, "model", ""), part.patients.model)]
    arms += [
        ((readers.name, readers.kind, name), part.decisions[list(readers.rows), stage])
        for readers in everybody
        for stage, name in enumerate(STAGES)
    ]
    for (subject, kind, stage), decisions in arms:
        read = read_by_all(decisions)
        if read.any():
            named = {"cohort": part.cohort, "subject": subject, "kind": kind, "stage": stage}
            yield _Arm(named, part.patients.truth[read], decisions[..., read])


def _counts(arm: _Arm) -> Iterator[CountRow]:
    matrix = stats.confusion_matrix(truth=arm.truth, decision=arm.decisions)
    for truth in Etiology:
        for decision in Etiology:
            yield CountRow(
                **arm.named,
                truth=truth.value,
                decision=decision.value,
                count=int(matrix[truth.class_index, decision.class_index]),
            )


def _metrics(arm: _Arm, plan: Plan) -> Iterator[MetricRow]:
    statistics = {
        f"{etiology.value} {metric}": stats.metric_statistic(
            truth=arm.truth, decision=arm.decisions, metric=metric, of=etiology.class_index
        )
        for etiology in Etiology
        for metric in CLASS_METRICS
    }
    yield from metric_rows(statistics, plan, n=arm.decisions.size, **arm.named)
