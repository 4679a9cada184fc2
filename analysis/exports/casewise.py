"""Readings case by case, for whoever analyses the study with other tools.

Cases are named as in StudyData, by words that lead back to nobody; ``case_number`` and
``reader_number`` count from 1, for tools that take whole numbers only. Every file of readings
comes with its reckoning: how many there were to be, and what became of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.exports.results_csv import csv_text
from analysis.study_arrays import MISSING, Patients, StudyData
from readerstudy.diagnosis import Etiology, Malignancy

STAGES = ("without AI", "with AI")
CLASSES = [etiology.value for etiology in Etiology]
IS_MALIGNANT = [int(etiology.malignancy is Malignancy.MALIGNANT) for etiology in Etiology]
CASE_COLUMNS = (
    "case", "case_number", "cohort", "role", "truth", "truth_malignant", "model_decision",
    "model_p_malignant", "model_p_tuberculous", "model_p_metastatic", "sex", "age", "diameter_mm",
    "location", "neck_level", "pathologic_method",
)  # fmt: skip
READING_COLUMNS = (
    "case", "case_number", "cohort", "reader", "reader_number", "group", "years_of_experience",
    "stage", "truth", "decision", "right", "truth_malignant", "decision_malignant",
    "right_malignant", "model_decision", "seconds",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ReadingTally:
    """Where the readings are: ``expected`` = ``written`` + ``missing`` + ``left_out``.

    ``missing`` were not read; ``left_out`` were, but the tool has no use for them, ``why`` says.
    """

    readers: int
    stages: int
    cases: int
    written: int
    missing: int
    left_out: int
    why: str = ""

    @property
    def expected(self) -> int:
        """One reading of every case by every reader in every stage."""
        return self.readers * self.stages * self.cases


@dataclass(frozen=True)
class DataFile:
    """A file's content, and the reckoning of its readings."""

    content: str | bytes
    reckoning: ReadingTally


def cases_csv(data: StudyData) -> str:
    """A row a patient: those of the testing cohorts, then those of the training cohorts."""
    return csv_text(CASE_COLUMNS, _cases(data))


def readings_csv(data: StudyData) -> DataFile:
    """A row a reading: reader by reader, stage by stage, in the order of the cases."""
    read = data.decisions != MISSING
    return DataFile(csv_text(READING_COLUMNS, _readings(data, read)), tally_readings(data, read))


def tally_readings(data: StudyData, used: NDArray[np.bool_], *, why: str = "") -> ReadingTally:
    """Of a file with these readings, shape (n_readers, 2, n)."""
    read = data.decisions != MISSING
    readers, stages, cases = read.shape
    left_out = int((read & ~used).sum())
    return ReadingTally(
        readers=readers,
        stages=stages,
        cases=cases,
        written=int((read & used).sum()),
        missing=int((~read).sum()),
        left_out=left_out,
        why=why if left_out else "",
    )


def _cases(data: StudyData) -> Iterator[list[Any]]:
    role = {cohort.name: cohort.role for cohort in data.cohorts}
    number = 0
    for patients in (data.testing, data.training):
        for at in range(len(patients)):
            number += 1
            cohort = str(patients.cohort[at])
            probabilities = patients.probabilities[at].tolist()
            yield [
                str(patients.patient[at]), number, cohort, role[cohort],
                _class(patients.truth[at]), _malignant(patients.truth[at]),
                _class(patients.model[at]), *map(_known, probabilities),
                *_baseline(patients, at),
            ]  # fmt: skip


def _baseline(patients: Patients, at: int) -> list[Any]:
    return [
        str(patients.sex[at]), int(patients.age[at]), float(patients.diameter_mm[at]),
        str(patients.location[at]), str(patients.neck_level[at]),
        str(patients.pathologic_method[at]),
    ]  # fmt: skip


def _readings(data: StudyData, read: NDArray[np.bool_]) -> Iterator[list[Any]]:
    names, cohorts = data.testing.patient.tolist(), data.testing.cohort.tolist()
    truths, models = data.testing.truth.tolist(), data.testing.model.tolist()
    for row, reader in enumerate(data.readers):
        for stage, name in enumerate(STAGES):
            decisions = data.decisions[row, stage].tolist()
            seconds = data.seconds[row, stage].tolist()
            for at in np.flatnonzero(read[row, stage]).tolist():
                truth, decision = truths[at], decisions[at]
                yield [
                    names[at], at + 1, cohorts[at], reader.code, row + 1, reader.group,
                    reader.years_of_experience, name, _class(truth), _class(decision),
                    _is_correct(truth, decision), _malignant(truth), _malignant(decision),
                    _is_correct(_malignant(truth), _malignant(decision)), _class(models[at]),
                    _known(seconds[at]),
                ]  # fmt: skip


def _class(index: int) -> str | None:
    return None if index == MISSING else CLASSES[index]


def _malignant(index: int) -> int | None:
    return None if index == MISSING else IS_MALIGNANT[index]


def _is_correct(truth: int | None, decision: int | None) -> int | None:
    """1 for right, 0 for wrong; None where there is no truth."""
    return None if truth in (None, MISSING) else int(truth == decision)


def _known(number: float) -> float | None:
    return None if np.isnan(number) else number
