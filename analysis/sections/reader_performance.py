"""Table 2: the model and every reader, without and with AI, and McNemar's tests.

Source of the layout: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._arm_pair import ArmComparison
from analysis.sections._micro_metric_rows import micro_rows
from analysis.sections._row_types import MetricRow, TestRow, with_adjusted_p_values
from analysis.sections._subsets import MODEL, STAGES, Subset, each_reader, read_by_all, subsets
from analysis.study_arrays import StudyData

NAME = "table2"
TITLE = "Readers, without and with AI"
READS = ("intervals", "seed", "mcnemar", "multiplicity")


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``metrics`` and ``tests``.

    p-values are adjusted over the readers, for one cohort, question, unit and metric.
    """
    tests = [row for subset in subsets(data) for row in _tests(data, subset, plan)]
    tests = with_adjusted_p_values(
        tests,
        method=plan.multiplicity,
        family=lambda row: (row.cohort, row.question, row.unit, row.metric),
    )
    metrics = (row for subset in subsets(data) for row in _metrics(data, subset, plan))
    return {"tables": {"metrics": table(MetricRow, metrics), "tests": table(TestRow, tests)}}


def _metrics(data: StudyData, subset: Subset, plan: Plan) -> Iterator[MetricRow]:
    yield from micro_rows(
        subset, plan, subset.patients.model, subject=MODEL, kind="model", stage=""
    )
    for reader in each_reader(data):
        for stage, decisions in zip(STAGES, subset.decisions[reader.rows[0]], strict=True):
            yield from micro_rows(
                subset, plan, decisions, subject=reader.name, kind=reader.kind, stage=stage
            )


def _tests(data: StudyData, subset: Subset, plan: Plan) -> Iterator[TestRow]:
    """Per reader: without AI against the model, and with AI against without."""
    for reader in each_reader(data):
        unaided, aided = subset.decisions[reader.rows[0]]
        for comparison in (
            ArmComparison("reader vs model", reader.name, MODEL, unaided, subset.patients.model),
            ArmComparison("with vs without AI", reader.name, "itself", aided, unaided),
        ):
            yield from _mcnemar(subset, comparison, plan)


def _mcnemar(subset: Subset, comparison: ArmComparison, plan: Plan) -> Iterator[TestRow]:
    """Patient level (the valid one) first, then the published one-vs-rest cells."""
    read = read_by_all(comparison.a, comparison.b)
    if not read.any():
        yield comparison.row(
            subset,
            metric="share right",
            test="McNemar",
            unit="patients",
            n=0,
            reason="Nobody was read in both arms.",
        )
        return
    truth, a, b = subset.patients.truth[read], comparison.a[read], comparison.b[read]
    found = stats.mcnemar_patient_level(
        correct_a=a == truth, correct_b=b == truth, method=plan.mcnemar.patients
    )
    difference = stats.paired_difference_of(
        correct_a=a == truth, correct_b=b == truth, level=plan.intervals.level
    )
    yield comparison.row(
        subset,
        metric="share right",
        unit="patients",
        n=truth.size,
        difference=difference.estimate,
        low=difference.interval.low,
        high=difference.interval.high,
        level=difference.interval.level,
        interval="Tango's score",
        **_counted(found),
    )
    if plan.mcnemar.cells != "none":
        yield from _cells(subset, comparison, plan.mcnemar.cells, truth=truth, a=a, b=b)


def _cells(
    subset: Subset, comparison: ArmComparison, method: str, *, truth, a, b
) -> Iterator[TestRow]:
    found = stats.mcnemar_one_vs_rest(truth=truth, decision_a=a, decision_b=b, method=method)
    for metric, times in (("accuracy", 4), ("sensitivity", 1), ("specificity", 3)):
        result = getattr(found, metric)
        n = times * truth.size
        yield comparison.row(
            subset,
            metric=f"micro-averaged {metric}",
            unit="one-vs-rest cells",
            n=n,
            difference=(result.b - result.c) / n,
            **_counted(result),
        )


def _counted(found: stats.McNemarResult) -> dict:
    return {
        "test": f"McNemar, {found.method}",
        "b": found.b,
        "c": found.c,
        "statistic": found.statistic,
        "p_value": found.p_value,
    }
