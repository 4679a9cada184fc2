"""Table 3: experience groups, without and with AI, and permutation tests.

Source of the layout: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator

from analysis import stats
from analysis.document import table
from analysis.plan import Plan
from analysis.sections.bootstrap import estimates, limits
from analysis.sections.decisions import NOT_BY_ALL, Comparison, micro_rows
from analysis.sections.parts import MODEL, STAGES, Part, groups, parts, read_by_all
from analysis.sections.permutation import paired_test
from analysis.sections.rows import MetricRow, TestRow, adjusted
from analysis.study_data import AIDED, UNAIDED, StudyData

NAME = "table3"
TITLE = "Experience groups, without and with AI"
READS = ("intervals", "seed", "permutation", "multiplicity")
BENCHMARK_GROUP = "senior"
SHARE_RIGHT = "share right"


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``metrics`` and ``tests``.

    p-values are adjusted over the groups, for one cohort and question.
    """
    tests = [
        _permutation(part, comparison, plan)
        for part in parts(data)
        for comparison in _comparisons(data, part)
    ]
    tests = adjusted(tests, method=plan.multiplicity, family=lambda row: (row.cohort, row.question))
    metrics = (row for part in parts(data) for row in _metrics(data, part, plan))
    return {"tables": {"metrics": table(MetricRow, metrics), "tests": table(TestRow, tests)}}


def _metrics(data: StudyData, part: Part, plan: Plan) -> Iterator[MetricRow]:
    for group in groups(data):
        for stage, name in enumerate(STAGES):
            decisions = part.decisions[list(group.rows), stage]
            yield from micro_rows(
                part, plan, decisions, subject=group.name, kind=group.kind, stage=name
            )


def _comparisons(data: StudyData, part: Part) -> Iterator[Comparison]:
    """Per group: without AI against the model, with AI against without, and with AI against the
    seniors without."""
    members = {group.name: list(group.rows) for group in groups(data)}
    for group, rows in members.items():
        unaided, aided = part.decisions[rows, UNAIDED], part.decisions[rows, AIDED]
        yield Comparison("group vs model", group, MODEL, unaided, part.patients.model)
        yield Comparison("with vs without AI", group, "itself", aided, unaided)
        if group != BENCHMARK_GROUP and BENCHMARK_GROUP in members:
            seniors = part.decisions[members[BENCHMARK_GROUP], UNAIDED]
            question = "group with AI vs seniors without"
            yield Comparison(question, group, BENCHMARK_GROUP, aided, seniors)


def _permutation(part: Part, comparison: Comparison, plan: Plan) -> TestRow:
    """The test, and a bootstrap interval of the difference; several readers are pooled."""
    named = {
        "metric": SHARE_RIGHT,
        "test": "paired permutation",
        "unit": "patients",
    }
    read = read_by_all(comparison.a, comparison.b)
    if not read.any():
        return comparison.row(part, **named, n=0, reason=NOT_BY_ALL)
    truth, a, b = (
        labels[..., read] for labels in (part.patients.truth, comparison.a, comparison.b)
    )
    result = paired_test(a == truth, b == truth, plan)
    named["test"] = f"{result.method}, {result.alternative}"
    # The micro-averaged sensitivity is the share right.
    arms = (
        stats.metric_statistic(truth=truth, decision=arm, metric="sensitivity", of="micro")
        for arm in (a, b)
    )
    interval = estimates({SHARE_RIGHT: stats.difference_of(*arms)}, plan)[SHARE_RIGHT]
    told = {"reason": interval} if isinstance(interval, str) else limits(interval)
    return comparison.row(
        part,
        **named,
        n=result.n_patients,
        difference=result.difference,
        p_value=result.p_value,
        **told,
    )
