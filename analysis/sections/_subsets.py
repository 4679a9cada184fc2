"""How a study is cut up: cohort by cohort and all together, and whose decisions are judged."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.study_arrays import MISSING, Patients, StudyData

ALL_COHORTS = "All cohorts"
ALL_READERS = "all readers"
MODEL = "CLA-HDM"
STAGES = ("without AI", "with AI")
GROUPS = ("senior", "middle", "junior")
NO_DECISION = "Nobody was read."
NOT_BY_ALL = "Nobody was read by all of them."


@dataclass(frozen=True, eq=False)
class Subset:
    """The n testing patients of one cohort, or of all.

    ``decisions`` and ``seconds`` are as in StudyData, of these patients.
    """

    cohort: str
    patients: Patients
    decisions: NDArray[np.int8]
    seconds: NDArray[np.float64]


def subsets(data: StudyData) -> Iterator[Subset]:
    """The testing cohorts that have patients, in the study's order; then all together."""
    for cohort in data.cohorts:
        chosen = data.testing.cohort == cohort.name
        if chosen.any():
            yield _subset(data, cohort.name, chosen)
    yield all_patients(data)


def all_patients(data: StudyData) -> Subset:
    """All testing patients."""
    return _subset(data, ALL_COHORTS, np.ones(len(data.testing), dtype=bool))


def _subset(data: StudyData, cohort: str, chosen: NDArray[np.bool_]) -> Subset:
    return Subset(
        cohort, data.testing.of(chosen), data.decisions[..., chosen], data.seconds[..., chosen]
    )


@dataclass(frozen=True)
class ReaderRows:
    """One reader, or several whose decisions are pooled; ``rows`` are theirs in StudyData."""

    name: str
    kind: str
    rows: tuple[int, ...]


def each_reader(data: StudyData) -> list[ReaderRows]:
    """The readers one by one."""
    return [ReaderRows(r.code, "reader", (row,)) for row, r in enumerate(data.readers)]


def reader_groups(data: StudyData) -> list[ReaderRows]:
    """The experience groups that have readers, seniors first."""
    members = {g: [row for row, r in enumerate(data.readers) if r.group == g] for g in GROUPS}
    return [ReaderRows(group, "group", tuple(rows)) for group, rows in members.items() if rows]


def all_readers(data: StudyData) -> ReaderRows:
    """All of them together."""
    return ReaderRows(ALL_READERS, "all", tuple(range(len(data.readers))))


def read_by_all(*arms: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Patients, shape (n,), whom every row of every arm decided on; arms (n,) or (readers, n).

    An arm without readers decided on nobody.
    """
    rows = [np.atleast_2d(arm) for arm in arms]
    return np.all([(each != MISSING).all(axis=0) & (len(each) > 0) for each in rows], axis=0)
