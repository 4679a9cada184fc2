"""Table 2: the model and every reader, without and with AI, and McNemar's tests.

Source of the layout: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator

from analysis import stats
from analysis.document import table
from analysis.plan import Plan
from analysis.sections.decisions import Comparison, metric_rows
from analysis.sections.parts import MODEL, STAGES, Part, parts, read_by_all
from analysis.sections.rows import MetricRow, TestRow, adjusted
from analysis.study_data import StudyData

NAME = "table2"
TITLE = "Readers, without and with AI"
READS = ("intervals", "seed", "mcnemar", "multiplicity")


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``metrics`` and ``tests``.

    p-values are adjusted over the readers, for one cohort, question and unit.
    """
    tests = [row for part in parts(data) for row in _tests(data, part, plan)]
    tests = adjusted(
        tests,
        method=plan.multiplicity,
        family=lambda row: (row.cohort, row.question, row.unit),
    )
    metrics = (row for part in parts(data) for row in _metrics(data, part, plan))
    return {"tables": {"metrics": table(MetricRow, metrics), "tests": table(TestRow, tests)}}


def _metrics(data: StudyData, part: Part, plan: Plan) -> Iterator[MetricRow]:
    yield from metric_rows(part, plan, part.patients.model, subject=MODEL, kind="model", stage="")
    for index, reader in enumerate(data.readers):
        for stage, decisions in zip(STAGES, part.decisions[index], strict=True):
            yield from metric_rows(
                part, plan, decisions, subject=reader.code, kind="reader", stage=stage
            )


def _tests(data: StudyData, part: Part, plan: Plan) -> Iterator[TestRow]:
    """Per reader: without AI against the model, and with AI against without."""
    for index, reader in enumerate(data.readers):
        unaided, aided = part.decisions[index]
        for comparison in (
            Comparison("reader vs model", reader.code, MODEL, unaided, part.patients.model),
            Comparison("with vs without AI", reader.code, "itself", aided, unaided),
        ):
            yield from _mcnemar(part, comparison, plan)


def _mcnemar(part: Part, comparison: Comparison, plan: Plan) -> Iterator[TestRow]:
    """Patient level (the valid one) first, then the published one-vs-rest cells."""
    read = read_by_all(comparison.a, comparison.b)
    n = int(read.sum())
    if not n:
        yield comparison.row(
            part, test="McNemar", unit="patients", n=0, reason="Nobody was read in both arms."
        )
        return
    truth, a, b = part.patients.truth[read], comparison.a[read], comparison.b[read]
    patients = stats.mcnemar_patient_level(
        correct_a=a == truth, correct_b=b == truth, method=plan.mcnemar.patients
    )
    found = [("patients", n, patients)]
    if plan.mcnemar.cells != "none":
        cells = stats.mcnemar_one_vs_rest(
            truth=truth, decision_a=a, decision_b=b, method=plan.mcnemar.cells
        )
        found += [
            ("one-vs-rest cells: accuracy", 4 * n, cells.accuracy),
            ("one-vs-rest cells: sensitivity", n, cells.sensitivity),
            ("one-vs-rest cells: specificity", 3 * n, cells.specificity),
        ]
    for unit, count, result in found:
        yield comparison.row(
            part,
            test=f"McNemar, {result.method}",
            unit=unit,
            n=count,
            b=result.b,
            c=result.c,
            statistic=result.statistic,
            difference=(result.b - result.c) / count,
            p_value=result.p_value,
        )
