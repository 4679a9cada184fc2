"""How a study is cut up: cohort by cohort and all together, stage by stage, group by group."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.study_data import MISSING, Patients, StudyData

ALL_COHORTS = "All cohorts"
MODEL = "CLA-HDM"
STAGES = ("without AI", "with AI")
GROUPS = ("senior", "middle", "junior")


@dataclass(frozen=True, eq=False)
class Part:
    """The n testing patients of one cohort, or of all.

    ``decisions`` and ``seconds`` are as in StudyData, of these patients.
    """

    cohort: str
    patients: Patients
    decisions: NDArray[np.int8]
    seconds: NDArray[np.float64]


def parts(data: StudyData) -> Iterator[Part]:
    """The testing cohorts that have patients, in the study's order; then all together."""
    for cohort in data.cohorts:
        chosen = data.testing.cohort == cohort.name
        if chosen.any():
            yield _part(data, cohort.name, chosen)
    yield everything(data)


def everything(data: StudyData) -> Part:
    """All testing patients."""
    return _part(data, ALL_COHORTS, np.ones(len(data.testing), dtype=bool))


def _part(data: StudyData, cohort: str, chosen: NDArray[np.bool_]) -> Part:
    return Part(
        cohort, data.testing.of(chosen), data.decisions[..., chosen], data.seconds[..., chosen]
    )


def groups(data: StudyData) -> dict[str, list[int]]:
    """Rows of the readers in each experience group that has any, seniors first."""
    members = {g: [i for i, r in enumerate(data.readers) if r.group == g] for g in GROUPS}
    return {group: rows for group, rows in members.items() if rows}


def read_by_all(*arms: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Patients, shape (n,), whom every row of every arm decided on; arms (n,) or (readers, n)."""
    return np.all([np.atleast_2d(arm).min(axis=0) != MISSING for arm in arms], axis=0)
