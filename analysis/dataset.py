"""A study's readings as arrays: the one place where the analysis touches the database."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.models import ModelVersion
from inference.results import predictions_of
from readerstudy.cohorts.models import Case, Cohort, ReferenceStandard, Study, testing_cases
from readerstudy.diagnosis import Etiology
from readerstudy.reading.models import Reader, Reading, Stage

MISSING = -1
CLASS_INDEX = {etiology.value: etiology.class_index for etiology in Etiology}


class Sealed(Exception):
    """The results of a study that is not unblinded."""


@dataclass(frozen=True)
class ReaderFacts:
    """A reader as tables name it."""

    code: str
    group: str
    years_of_experience: int


@dataclass(frozen=True)
class StudyData:
    """Classes are indices in the order of ``Etiology``; MISSING where there is none.

    cohorts: their names, in the study's order; cohort: shape (n,), the one of each case;
    truth: int, shape (n,); model: int, shape (n,), CLA-HDM's hard-gated decisions;
    decisions: int, shape (n_readers, 2, n), by reader, stage and case.
    """

    cohorts: tuple[str, ...]
    cohort: NDArray[np.str_]
    truth: NDArray[np.int8]
    model: NDArray[np.int8]
    decisions: NDArray[np.int8]
    readers: tuple[ReaderFacts, ...]
    model_name: str
    model_is_trained: bool
    model_is_imported: bool


def load(study: Study) -> StudyData:
    """Read an unblinded study, in a constant number of queries. Raises Sealed before that."""
    if study.state != Study.State.UNBLINDED:
        raise Sealed("Results stay sealed until the study is locked and unblinded.")
    cases = list(testing_cases(study))
    place = {case.pk: index for index, case in enumerate(cases)}
    readers = list(Reader.objects.filter(study=study).order_by("code"))
    version = study.studymodel.model_version
    named = {case.cohort_name for case in cases}
    cohorts = Cohort.objects.filter(study=study).order_by("pk").values_list("name", flat=True)
    return StudyData(
        cohorts=tuple(name for name in cohorts if name in named),
        cohort=np.array([case.cohort_name for case in cases]),
        truth=_truth(study, place),
        model=_model_decisions(cases, version),
        decisions=_decisions(study, readers, place),
        readers=tuple(ReaderFacts(r.code, r.group, r.years_of_experience) for r in readers),
        model_name=str(version),
        model_is_trained=version.is_trained,
        model_is_imported=version.is_external,
    )


def _empty(*shape: int) -> NDArray[np.int8]:
    return np.full(shape, MISSING, dtype=np.int8)


def _truth(study: Study, place: dict[int, int]) -> NDArray[np.int8]:
    truth = _empty(len(place))
    rows = ReferenceStandard.objects.filter(case__cohort__study=study)
    for case, etiology in rows.values_list("case", "etiology"):
        if case in place:
            truth[place[case]] = CLASS_INDEX[etiology]
    return truth


def _model_decisions(cases: list[Case], version: ModelVersion) -> NDArray[np.int8]:
    model = _empty(len(cases))
    predictions = predictions_of(cases, model_version=version)
    for index, case in enumerate(cases):
        if case.pk in predictions:
            model[index] = predictions[case.pk].probabilities().etiology.class_index
    return model


def _decisions(study: Study, readers: list[Reader], place: dict[int, int]) -> NDArray[np.int8]:
    row = {reader.pk: index for index, reader in enumerate(readers)}
    decisions = _empty(len(readers), len(Stage), len(place))
    readings = Reading.objects.filter(assignment__reader__study=study).values_list(
        "assignment__reader", "assignment__stage", "assignment__case", "etiology"
    )
    for reader, stage, case, etiology in readings.iterator():
        decisions[row[reader], stage - 1, place[case]] = CLASS_INDEX[etiology]
    return decisions
