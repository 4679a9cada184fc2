"""Table 3: experience groups, without and with AI, and permutation tests.

Source of the layout: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator

from analysis import stats
from analysis.document import table
from analysis.plan import Plan
from analysis.sections.decisions import Comparison, metric_rows
from analysis.sections.parts import MODEL, STAGES, Part, groups, parts, read_by_all
from analysis.sections.rows import MetricRow, TestRow, adjusted
from analysis.study_data import AIDED, UNAIDED, StudyData

NAME = "table3"
TITLE = "Experience groups, without and with AI"
READS = ("intervals", "seed", "permutation_alternative", "multiplicity")
BENCHMARK_GROUP = "senior"


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
    for group, members in groups(data).items():
        for stage, name in enumerate(STAGES):
            yield from metric_rows(
                part, plan, part.decisions[members, stage], subject=group, kind="group", stage=name
            )


def _comparisons(data: StudyData, part: Part) -> Iterator[Comparison]:
    """Per group: without AI against the model, with AI against without, and with AI against the
    seniors without."""
    members_of = groups(data)
    for group, members in members_of.items():
        unaided, aided = part.decisions[members, UNAIDED], part.decisions[members, AIDED]
        yield Comparison("group vs model", group, MODEL, unaided, part.patients.model)
        yield Comparison("with vs without AI", group, "itself", aided, unaided)
        if group != BENCHMARK_GROUP and BENCHMARK_GROUP in members_of:
            seniors = part.decisions[members_of[BENCHMARK_GROUP], UNAIDED]
            question = "group with AI vs seniors without"
            yield Comparison(question, group, BENCHMARK_GROUP, aided, seniors)


def _permutation(part: Part, comparison: Comparison, plan: Plan) -> TestRow:
    a, b = comparison.a, comparison.b
    test = f"exact paired permutation, {plan.permutation_alternative}"
    read = read_by_all(a, b)
    if not read.any():
        reason = "Nobody was read by all readers of both arms."
        return comparison.row(part, test=test, unit="patients", n=0, reason=reason)
    truth = part.patients.truth[read]
    result = stats.paired_permutation(
        a=a[..., read] == truth,
        b=b[..., read] == truth,
        alternative=plan.permutation_alternative,
    )
    return comparison.row(
        part,
        test=f"{result.method}, {result.alternative}",
        unit="patients",
        n=result.n_patients,
        difference=result.difference,
        p_value=result.p_value,
    )
