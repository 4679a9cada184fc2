"""Table 3: experience groups, without and with AI, and permutation tests.

Source of the layout: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._arm_pair import ArmComparison
from analysis.sections._bootstrap_rows import estimates, limits
from analysis.sections._micro_metric_rows import micro_rows
from analysis.sections._permutation import paired_test
from analysis.sections._row_types import MetricRow, TestRow, with_adjusted_p_values
from analysis.sections._subsets import (
    MODEL,
    NOT_BY_ALL,
    STAGES,
    Subset,
    read_by_all,
    reader_groups,
    subsets,
)
from analysis.study_arrays import AIDED, UNAIDED, StudyData

NAME = "table3"
TITLE = "Experience groups, without and with AI"
READS = ("intervals", "seed", "permutation", "multiplicity")
BENCHMARK_GROUP = "senior"
PROPORTION_CORRECT = "share right"


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``metrics`` and ``tests``.

    p-values are adjusted over the groups, for one cohort and question.
    """
    tests = [
        _permutation(subset, comparison, plan)
        for subset in subsets(data)
        for comparison in _comparisons(data, subset)
    ]
    tests = with_adjusted_p_values(
        tests, method=plan.multiplicity, family=lambda row: (row.cohort, row.question)
    )
    metrics = (row for subset in subsets(data) for row in _metrics(data, subset, plan))
    return {"tables": {"metrics": table(MetricRow, metrics), "tests": table(TestRow, tests)}}


def _metrics(data: StudyData, subset: Subset, plan: Plan) -> Iterator[MetricRow]:
    for group in reader_groups(data):
        for stage, name in enumerate(STAGES):
            decisions = subset.decisions[list(group.rows), stage]
            yield from micro_rows(
                subset, plan, decisions, subject=group.name, kind=group.kind, stage=name
            )


def _comparisons(data: StudyData, subset: Subset) -> Iterator[ArmComparison]:
    """Per group: without AI against the model, with AI against without, and with AI against the
    seniors without."""
    members = {group.name: list(group.rows) for group in reader_groups(data)}
    for group, rows in members.items():
        unaided, aided = subset.decisions[rows, UNAIDED], subset.decisions[rows, AIDED]
        yield ArmComparison("group vs model", group, MODEL, unaided, subset.patients.model)
        yield ArmComparison("with vs without AI", group, "itself", aided, unaided)
        if group != BENCHMARK_GROUP and BENCHMARK_GROUP in members:
            seniors = subset.decisions[members[BENCHMARK_GROUP], UNAIDED]
            question = "group with AI vs seniors without"
            yield ArmComparison(question, group, BENCHMARK_GROUP, aided, seniors)


def _permutation(subset: Subset, comparison: ArmComparison, plan: Plan) -> TestRow:
    """The test, and a bootstrap interval of the difference; several readers are pooled."""
    named = {
        "metric": PROPORTION_CORRECT,
        "test": "paired permutation",
        "unit": "patients",
    }
    read = read_by_all(comparison.a, comparison.b)
    if not read.any():
        return comparison.row(subset, **named, n=0, reason=NOT_BY_ALL)
    truth, a, b = (
        labels[..., read] for labels in (subset.patients.truth, comparison.a, comparison.b)
    )
    result = paired_test(a == truth, b == truth, plan)
    named["test"] = f"{result.method}, {result.alternative}"
    # The micro-averaged sensitivity is the share right.
    arms = (
        stats.metric_statistic(truth=truth, decision=arm, metric="sensitivity", of="micro")
        for arm in (a, b)
    )
    interval = estimates({PROPORTION_CORRECT: stats.difference_of(*arms)}, plan)[PROPORTION_CORRECT]
    interval_fields = {"reason": interval} if isinstance(interval, str) else limits(interval)
    return comparison.row(
        subset,
        **named,
        n=result.n_patients,
        difference=result.difference,
        p_value=result.p_value,
        **interval_fields,
    )
