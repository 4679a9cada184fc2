"""The primary endpoint: one comparison on all cohorts together, as the plan names it.

Its p-value is adjusted for no other test: that is what makes it primary.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._arm_pair import ArmComparison
from analysis.sections._bootstrap_rows import estimates, limits
from analysis.sections._micro_metric_rows import micro_rows
from analysis.sections._permutation import paired_test
from analysis.sections._row_types import MetricRow, TestRow
from analysis.sections._subsets import (
    MODEL,
    NOT_BY_ALL,
    STAGES,
    Subset,
    all_patients,
    all_readers,
    read_by_all,
    reader_groups,
)
from analysis.study_arrays import AIDED, UNAIDED, StudyData

NAME = "primary"
TITLE = "Primary endpoint"
READS = ("primary", "intervals", "seed", "permutation")
BENCHMARK_GROUP = "senior"


@dataclass(frozen=True, eq=False)
class _Arm:
    subject: str
    kind: str
    stage: str
    decisions: NDArray[np.int8]


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``metrics``, of both arms, and ``tests``, with the one test."""
    subset = all_patients(data)
    first, second = _arms(data, subset, plan)
    metrics = [row for arm in (first, second) for row in _metrics(subset, plan, arm)]
    test = _test(subset, plan, first, second)
    return {"tables": {"metrics": table(MetricRow, metrics), "tests": table(TestRow, [test])}}


def _arms(data: StudyData, subset: Subset, plan: Plan) -> tuple[_Arm, _Arm]:
    """The two arms in the order that the comparison names them."""
    rows = {readers.name: list(readers.rows) for readers in reader_groups(data)}
    whole = all_readers(data)
    name = whole.name if plan.primary.group == "all" else plan.primary.group
    kind = whole.kind if plan.primary.group == "all" else "group"
    members = list(whole.rows) if plan.primary.group == "all" else rows.get(name, [])
    unaided = _Arm(name, kind, STAGES[UNAIDED], subset.decisions[members, UNAIDED])
    aided = _Arm(name, kind, STAGES[AIDED], subset.decisions[members, AIDED])
    model = _Arm(MODEL, "model", "", subset.patients.model)
    seniors = subset.decisions[rows.get(BENCHMARK_GROUP, []), UNAIDED]
    return {
        "with vs without AI": (aided, unaided),
        "without AI vs model": (unaided, model),
        "with AI vs model": (aided, model),
        "with AI vs seniors without": (
            aided, _Arm(BENCHMARK_GROUP, "group", STAGES[UNAIDED], seniors),
        ),
    }[plan.primary.comparison]  # fmt: skip


def _metrics(subset: Subset, plan: Plan, arm: _Arm) -> Iterator[MetricRow]:
    if len(arm.decisions):
        yield from micro_rows(
            subset, plan, arm.decisions, subject=arm.subject, kind=arm.kind, stage=arm.stage
        )


def _test(subset: Subset, plan: Plan, first: _Arm, second: _Arm) -> TestRow:
    """The exact permutation test, and the interval of the difference of the metric."""
    against = "itself" if second.subject == first.subject else second.subject
    comparison = ArmComparison(
        plan.primary.comparison, first.subject, against, first.decisions, second.decisions
    )
    metric = f"micro-averaged {plan.primary.metric}"
    test = "paired permutation"
    named = {"metric": metric, "test": test, "unit": "patients"}
    if not len(comparison.a) or not len(comparison.b):
        return comparison.row(subset, **named, n=0, reason="The study has no such readers.")
    read = read_by_all(comparison.a, comparison.b)
    if not read.any():
        return comparison.row(subset, **named, n=0, reason=NOT_BY_ALL)
    a, b, truth = comparison.a[..., read], comparison.b[..., read], subset.patients.truth[read]
    found = paired_test(a == truth, b == truth, plan)
    named["test"] = f"{found.method}, {found.alternative}"
    arms = (
        stats.metric_statistic(truth=truth, decision=arm, metric=plan.primary.metric, of="micro")
        for arm in (a, b)
    )
    difference = estimates({metric: stats.difference_of(*arms)}, plan)[metric]
    interval_fields = (
        {"reason": difference}
        if isinstance(difference, str)
        else {"difference": difference.estimate, **limits(difference)}
    )
    return comparison.row(
        subset, **named, n=found.n_patients, p_value=found.p_value, **interval_fields
    )
