"""The flow of patients and readings: who was screened and came in, and what was read of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._subsets import ALL_COHORTS, STAGES, read_by_all, subsets
from analysis.study_arrays import MISSING, Patients, StudyData
from readerstudy.diagnosis import Etiology

NAME = "flow"
TITLE = "Patients and readings"
READS = ()


@dataclass(frozen=True, kw_only=True)
class ScreeningRow:
    """Patients screened, excluded for one reason, or enrolled; ``order`` is that of exclusion.

    ``cohort`` is "All cohorts" where they were screened together.
    """

    cohort: str
    outcome: str
    order: int | None
    reason: str | None
    patients: int


@dataclass(frozen=True, kw_only=True)
class PatientsRow:
    """Patients of one cohort: all, with a result of the model, and by etiology.

    ``read_by_all`` counts those whom every reader read in both stages; it is null for a training
    cohort, which is not read.
    """

    cohort: str
    role: str
    patients: int
    with_model_result: int
    reactive_hyperplasia: int
    tuberculous_lymphadenitis: int
    lymphoma: int
    metastatic_carcinoma: int
    read_by_all: int | None


@dataclass(frozen=True, kw_only=True)
class ReadingsRow:
    """Readings of one reader in one stage and cohort, of those there were to be."""

    cohort: str
    subject: str
    group: str
    stage: str
    expected: int
    read: int


def compute(data: StudyData, _plan: Plan) -> dict:
    """Tables ``patients`` and ``readings``; ``screening`` before them where it was recorded."""
    screening = {"screening": table(ScreeningRow, _screening(data))} if data.screening else {}
    return {
        "tables": {
            **screening,
            "patients": table(PatientsRow, _patients(data)),
            "readings": table(ReadingsRow, _readings(data)),
        }
    }


def _screening(data: StudyData) -> Iterator[ScreeningRow]:
    for facts in data.screening:
        rows = [("screened", None, None, facts.screened)]
        rows += [
            ("excluded", order, reason, patients)
            for order, (reason, patients) in enumerate(facts.exclusions, start=1)
        ]
        rows.append(("enrolled", None, None, facts.enrolled))
        for outcome, order, reason, patients in rows:
            yield ScreeningRow(
                cohort=facts.cohort or ALL_COHORTS,
                outcome=outcome,
                order=order,
                reason=reason,
                patients=patients,
            )


def _patients(data: StudyData) -> Iterator[PatientsRow]:
    read = {subset.cohort: int(read_by_all(*subset.decisions).sum()) for subset in subsets(data)}
    for cohort in data.cohorts:
        is_training = cohort.role == "training"
        of = data.training if is_training else data.testing
        yield _patients_row(
            cohort.name,
            cohort.role,
            of.of(of.cohort == cohort.name),
            read_by_all=None if is_training else read.get(cohort.name, 0),
        )
    yield _patients_row(ALL_COHORTS, "testing", data.testing, read_by_all=read[ALL_COHORTS])


def _patients_row(cohort: str, role: str, patients: Patients, *, read_by_all) -> PatientsRow:
    counts = {e.value: int(np.sum(patients.truth == e.class_index)) for e in Etiology}
    return PatientsRow(
        cohort=cohort,
        role=role,
        patients=len(patients),
        with_model_result=int(np.sum(patients.model != MISSING)),
        read_by_all=read_by_all,
        **counts,
    )


def _readings(data: StudyData) -> Iterator[ReadingsRow]:
    for subset in subsets(data):
        for index, reader in enumerate(data.readers):
            for stage, decisions in zip(STAGES, subset.decisions[index], strict=True):
                yield ReadingsRow(
                    cohort=subset.cohort,
                    subject=reader.code,
                    group=reader.group,
                    stage=stage,
                    expected=decisions.size,
                    read=int(np.sum(decisions != MISSING)),
                )
