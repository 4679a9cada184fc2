"""The published tables, and the whole numbers behind their percentages.

data/*.csv hold Tables 1 to 3 of Zhu et al., BMC Medicine 2022, 20:269,
doi 10.1186/s12916-022-02469-z, and the class counts of the testing cohorts that they imply. Only
the testing cohorts are read here: the training cohort has no readers.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from analysis.stats import micro_metrics_from_correct
from readerstudy.diagnosis import Etiology, Malignancy

DATA = Path(__file__).parent / "data"
METRICS = ("Accuracy", "Sensitivity", "Specificity")
CLAHDM = "CLA-HDM"
BENCHMARK_GROUP = "senior"


@dataclass(frozen=True)
class ReaderFacts:
    """A radiologist as the paper describes one."""

    code: str
    group: str
    years_of_experience: int


READERS = (
    ReaderFacts("R1", "senior", 20),
    ReaderFacts("R2", "senior", 14),
    ReaderFacts("R3", "middle", 9),
    ReaderFacts("R4", "middle", 8),
    ReaderFacts("R5", "junior", 5),
    ReaderFacts("R6", "junior", 3),
)
GROUPS = {
    group: tuple(index for index, reader in enumerate(READERS) if reader.group == group)
    for group in ("senior", "middle", "junior")
}


@dataclass(frozen=True)
class Marks:
    """Marks of significance, 0 to 3: p below 0.05, 0.01, 0.001."""

    accuracy: int
    sensitivity: int
    specificity: int


@dataclass(frozen=True)
class SubModelCounts:
    """A sub-model on the true members of its branch."""

    positives: int
    negatives: int
    true_positives: int
    true_negatives: int
    auc: float  # as printed, three digits


@dataclass(frozen=True)
class ReaderCounts:
    """One reader in one cohort: cases right, and the marks of significance."""

    unaided: int
    aided: int
    model_vs_unaided: Marks
    aided_vs_unaided: Marks


@dataclass(frozen=True)
class GroupPValues:
    """One group in one cohort, in the order of METRICS; the seniors have no `aided_vs_seniors`."""

    model_vs_unaided: tuple[float, ...]
    aided_vs_seniors: tuple[float, ...] | None


@dataclass(frozen=True)
class PublishedCohort:
    """All that is printed of one testing cohort."""

    name: str
    role: str
    counts: tuple[int, int, int, int]  # cases, in the order of Etiology
    sub_models: tuple[SubModelCounts, SubModelCounts, SubModelCounts]
    model_correct: int  # cases whose etiology CLA-HDM has right
    model_auc: float  # micro-averaged over the four classes
    readers: tuple[ReaderCounts, ...]  # in the order of READERS
    groups: dict[str, GroupPValues]

    @property
    def size(self) -> int:
        return sum(self.counts)


@cache
def published_cohorts() -> tuple[PublishedCohort, ...]:
    """The three testing cohorts. Raises ValueError if a printed row is no whole number of cases."""
    table1 = {(row["model"], row["cohort"]): row for row in printed_rows("table1")}
    return tuple(_cohort(facts, table1) for facts in printed_rows("cohorts"))


def printed_rows(table: str) -> list[dict[str, str]]:
    """The rows of data/TABLE.csv as they are written."""
    with (DATA / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def correct_count(printed: dict[str, float], *, n: int) -> int:
    """The number right of n that puts accuracy, sensitivity and specificity, in percent, within
    one unit of the last printed digit. Raises ValueError if none does, or several."""
    fits = [
        right
        for right in range(n + 1)
        if all(abs(value - printed[name]) < 0.1 for name, value in percentages(right, n).items())
    ]
    if len(fits) != 1:
        raise ValueError(f"{printed} are {len(fits)} numbers of {n} cases, not one")
    return fits[0]


def percentages(right: int, n: int) -> dict[str, float]:
    """The three micro-averaged metrics of `right` of n four-class decisions, in percent."""
    metrics = micro_metrics_from_correct(correct=right, n=n)
    return {name: 100 * getattr(metrics, name.lower()) for name in METRICS}


def _cohort(facts: dict[str, str], table1: dict) -> PublishedCohort:
    name = facts["cohort"]
    counts = tuple(int(facts[etiology]) for etiology in Etiology)
    branches = [sum(counts[e.class_index] for e in branch.etiologies) for branch in Malignancy]
    sides = [(branches[1], branches[0]), (counts[1], counts[0]), (counts[3], counts[2])]
    model = table1[CLAHDM, name]
    of_model = {"Accuracy": "acc", "Sensitivity": "sens", "Specificity": "spec"}
    return PublishedCohort(
        name=name,
        role=facts["role"],
        counts=counts,
        sub_models=tuple(
            _sub_model(table1[f"Sub-model {number}", name], positives, negatives)
            for number, (positives, negatives) in enumerate(sides, start=1)
        ),
        model_correct=correct_count(
            {metric: float(model[column]) for metric, column in of_model.items()}, n=sum(counts)
        ),
        model_auc=float(model["auc"]),
        readers=tuple(_readers(name, sum(counts))),
        groups=dict(_groups(name)),
    )


def _sub_model(row: dict[str, str], positives: int, negatives: int) -> SubModelCounts:
    if int(row["n"]) != positives + negatives:
        raise ValueError(f"{row['model']}, {row['cohort']}: n is not that of cohorts.csv")
    return SubModelCounts(
        positives=positives,
        negatives=negatives,
        true_positives=round(float(row["sens"]) / 100 * positives),
        true_negatives=round(float(row["spec"]) / 100 * negatives),
        auc=float(row["auc"]),
    )


def _readers(cohort: str, n: int) -> Iterator[ReaderCounts]:
    for reader, lines in groupby(
        (row for row in printed_rows("table2") if row["cohort"] == cohort),
        key=lambda row: row["reader"],
    ):
        by_metric = {line["metric"]: line for line in lines}
        if set(by_metric) != set(METRICS):
            raise ValueError(f"reader {reader}, {cohort}: a metric is missing")
        stages = [
            {name: float(by_metric[name][stage]) for name in METRICS}
            for stage in ("without", "with")
        ]
        marks = [
            Marks(*(len(by_metric[name][column]) for name in METRICS))
            for column in ("vs_model_stars", "vs_without_marks")
        ]
        yield ReaderCounts(*(correct_count(stage, n=n) for stage in stages), *marks)


def _groups(cohort: str) -> Iterator[tuple[str, GroupPValues]]:
    for group in GROUPS:
        lines = {
            row["metric"]: row
            for row in printed_rows("table3")
            if (row["group"], row["cohort"]) == (group, cohort)
        }
        seniors = [lines[name]["p2_group_with_vs_senior_without"] for name in METRICS]
        yield (
            group,
            GroupPValues(
                model_vs_unaided=tuple(
                    float(lines[name]["p1_model_vs_group_without"]) for name in METRICS
                ),
                aided_vs_seniors=tuple(map(float, seniors)) if all(seniors) else None,
            ),
        )
