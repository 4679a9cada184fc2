"""Tables 2 and 3 of the study as rows: who, where, which stage, and the number with its interval.

Source of the layout: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.dataset import MISSING, StudyData

ALL_COHORTS = "All cohorts"
MODEL_SUBJECT = "CLA-HDM"
RESAMPLES = 1000
SEED = 2022
UNAIDED, AIDED = 0, 1
STAGE_NAMES = ("without AI", "with AI")
GROUPS = ("senior", "middle", "junior")
BENCHMARK_GROUP = "senior"


@dataclass(frozen=True)
class MetricRow:
    """Micro-averaged metrics of one subject in one cohort and stage. Proportions, not percent."""

    subject: str
    kind: str
    cohort: str
    stage: str
    n: int
    correct: int
    metrics: stats.MicroMetrics
    intervals: stats.MicroMetricsIntervals


@dataclass(frozen=True)
class TestRow:
    """One hypothesis test of two arms, in the order that ``question`` names them.

    ``unit`` says what was counted. McNemar: b units are right in the first arm alone, c in the
    second alone. Permutation: ``difference`` is the first arm's proportion right less the
    second's.
    """

    __test__ = False  # not a test of ours, whatever its name

    question: str
    subject: str
    against: str
    cohort: str
    test: str
    unit: str
    n: int
    p_value: float
    b: int | None = None
    c: int | None = None
    statistic: float | None = None
    difference: float | None = None


@dataclass(frozen=True)
class _Part:
    """The cases of one cohort, or of all."""

    name: str
    truth: NDArray[np.int8]
    model: NDArray[np.int8]
    decisions: NDArray[np.int8]


@dataclass(frozen=True)
class _Comparison:
    """Two arms' decisions, each shape (n,) or (readers, n), and what is asked of them."""

    question: str
    subject: str
    against: str
    a: NDArray[np.int8]
    b: NDArray[np.int8]

    def row(self, **found) -> TestRow:
        """The row of a test of this comparison."""
        return TestRow(question=self.question, subject=self.subject, against=self.against, **found)


def _parts(data: StudyData) -> Iterator[_Part]:
    for name in [*data.cohorts, ALL_COHORTS]:
        chosen = np.ones(len(data.cohort), bool) if name == ALL_COHORTS else data.cohort == name
        yield _Part(name, data.truth[chosen], data.model[chosen], data.decisions[..., chosen])


def _read_by_all(*arms: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Cases, shape (n,), that every row of every arm decided; arms (n,) or (readers, n)."""
    return np.all([np.atleast_2d(arm).min(axis=0) != MISSING for arm in arms], axis=0)


def metric_rows(data: StudyData) -> list[MetricRow]:
    """The model, every reader and every group, per cohort and stage; undecided cases left out.

    A group is its readers pooled, on the cases that all of them read.
    """
    rows = []
    for part in _parts(data):
        subjects = [(MODEL_SUBJECT, "model", "", part.model)]
        for stage, stage_name in enumerate(STAGE_NAMES):
            subjects += [
                (reader.code, "reader", stage_name, part.decisions[index, stage])
                for index, reader in enumerate(data.readers)
            ]
            subjects += [
                (group, "group", stage_name, part.decisions[members, stage])
                for group, members in _groups(data).items()
            ]
        for subject, kind, stage_name, decisions in subjects:
            row = _metric_row(subject, kind, stage_name, part, decisions)
            if row:
                rows.append(row)
    return rows


def _metric_row(subject, kind, stage, part: _Part, decisions) -> MetricRow | None:
    read = _read_by_all(decisions)
    if not read.any():
        return None
    truth, decided = part.truth[read], decisions[..., read]
    intervals = stats.bootstrap_micro_metrics(
        correct=decided == truth, resamples=RESAMPLES, seed=SEED
    )
    metrics = stats.micro_metrics(truth=truth, decision=decided)
    return MetricRow(
        subject, kind, part.name, stage, metrics.n, metrics.correct, metrics, intervals
    )


def mcnemar_rows(data: StudyData) -> list[TestRow]:
    """Per reader and cohort: the model against the reader without AI, and without against with."""
    rows = []
    for part in _parts(data):
        for index, reader in enumerate(data.readers):
            unaided, aided = part.decisions[index]
            for comparison in (
                _Comparison("reader vs model", reader.code, MODEL_SUBJECT, unaided, part.model),
                _Comparison("with vs without AI", reader.code, "itself", aided, unaided),
            ):
                rows += _mcnemar(part, comparison)
    return rows


def _mcnemar(part: _Part, comparison: _Comparison) -> list[TestRow]:
    """Patient level (the valid one) first, then the published one-vs-rest cells."""
    read = _read_by_all(comparison.a, comparison.b)
    if not read.any():
        return []
    n, truth, a, b = int(read.sum()), part.truth[read], comparison.a[read], comparison.b[read]
    cells = stats.mcnemar_one_vs_rest(truth=truth, decision_a=a, decision_b=b, method="chi2")
    patients = stats.mcnemar_patient_level(
        correct_a=a == truth, correct_b=b == truth, method="exact"
    )
    results = [
        ("patients", n, patients),
        ("one-vs-rest cells: accuracy", 4 * n, cells.accuracy),
        ("one-vs-rest cells: sensitivity", n, cells.sensitivity),
        ("one-vs-rest cells: specificity", 3 * n, cells.specificity),
    ]
    return [
        comparison.row(
            cohort=part.name,
            test=f"McNemar, {result.method}",
            unit=unit,
            n=count,
            p_value=result.p_value,
            b=result.b,
            c=result.c,
            statistic=result.statistic,
        )
        for unit, count, result in results
    ]


def permutation_rows(data: StudyData) -> list[TestRow]:
    """Per experience group: against the model, with against without AI, and the group with AI
    against the seniors without."""
    return [
        row
        for part in _parts(data)
        for comparison in _group_comparisons(data, part)
        for row in _permutation(part, comparison)
    ]


def _group_comparisons(data: StudyData, part: _Part) -> Iterator[_Comparison]:
    groups = _groups(data)
    for group, members in groups.items():
        unaided, aided = part.decisions[members, UNAIDED], part.decisions[members, AIDED]
        yield _Comparison("group vs model", group, MODEL_SUBJECT, unaided, part.model)
        yield _Comparison("with vs without AI", group, "itself", aided, unaided)
        if group != BENCHMARK_GROUP and BENCHMARK_GROUP in groups:
            seniors = part.decisions[groups[BENCHMARK_GROUP], UNAIDED]
            question = "group with AI vs seniors without"
            yield _Comparison(question, group, BENCHMARK_GROUP, aided, seniors)


def _permutation(part: _Part, comparison: _Comparison) -> list[TestRow]:
    a, b = comparison.a, comparison.b
    read = _read_by_all(a, b)
    if not read.any():
        return []
    truth = part.truth[read]
    result = stats.paired_permutation(a=a[..., read] == truth, b=b[..., read] == truth)
    return [
        comparison.row(
            cohort=part.name,
            test=f"{result.method}, {result.alternative}",
            unit="patients",
            n=result.n_patients,
            p_value=result.p_value,
            difference=result.difference,
        )
    ]


def _groups(data: StudyData) -> dict[str, list[int]]:
    """Rows of the readers in each experience group that has any, seniors first."""
    members = {g: [i for i, r in enumerate(data.readers) if r.group == g] for g in GROUPS}
    return {group: rows for group, rows in members.items() if rows}
