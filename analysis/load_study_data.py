"""A study's rows as arrays: the one place where the analysis reads the database."""

import hashlib
from collections.abc import Iterator
from itertools import islice

import numpy as np
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast
from numpy.typing import NDArray

from analysis.study_arrays import (
    MISSING,
    CohortFacts,
    ModelFacts,
    Patients,
    ReaderFacts,
    ScreeningFacts,
    StudyData,
)
from analysis.unblinding_guard import require_unsealed
from inference.clahdm.evaluation import decisions, gated_probabilities
from inference.current_results import predictions_of
from inference.models import ModelVersion
from readerstudy.diagnosis import Etiology
from readerstudy.reading.models import Reader, Reading, Stage
from readerstudy.studies.models import Case, Cohort, Screening, Study

CLASS_INDEX = {etiology.value: etiology.class_index for etiology in Etiology}
CHUNK = 20_000  # readings held as Python objects at once


def load(study: Study) -> StudyData:
    """Read an unblinded study, in a constant number of queries. Raises ResultsSealed before
    that.

    Every order is Python's own of code points: databases sort letters each in their way.
    """
    require_unsealed(study)
    cohorts = list(
        Cohort.objects.filter(study=study).exclude(role=Cohort.Role.PRACTICE).order_by("pk")
    )
    version = ModelVersion.objects.get(studymodel__study=study)
    cases = _cases(study)
    training = {cohort.name for cohort in cohorts if cohort.role == Cohort.Role.TRAINING}
    patients = _patients(cases, version=version, seed=study.protocol.seed)
    is_training = np.isin(patients.cohort, list(training))
    readers = sorted(Reader.objects.filter(study=study), key=lambda reader: reader.code)
    read = [case.pk for case in cases if case.cohort_name not in training]
    answers, seconds = _readings(study, readers=readers, cases=read)
    return StudyData(
        cohorts=tuple(CohortFacts(cohort.name, cohort.role) for cohort in cohorts),
        readers=tuple(ReaderFacts(r.code, r.group, r.years_of_experience) for r in readers),
        model=ModelFacts(
            name=str(version),
            sha256=version.sha256,
            threshold=version.threshold,
            is_trained=version.is_trained,
            is_imported=version.is_external,
        ),
        testing=patients.of(~is_training),
        training=patients.of(is_training),
        decisions=answers,
        seconds=seconds,
        screening=_screening(study),
    )


def _screening(study: Study) -> tuple[ScreeningFacts, ...]:
    """All together first, then by cohort."""
    found = Screening.objects.filter(study=study).select_related("cohort")
    facts = [
        ScreeningFacts(
            cohort=each.cohort.name if each.cohort else "",
            screened=each.screened,
            enrolled=each.enrolled,
            exclusions=tuple(
                (exclusion.reason_text, exclusion.patients)
                for exclusion in sorted(each.exclusion_set.all(), key=lambda e: e.position)
            ),
        )
        for each in found.prefetch_related("exclusion_set")
    ]
    return tuple(sorted(facts, key=lambda each: each.cohort))


def _cases(study: Study) -> list[Case]:
    """All cases but those for practice, with their truth, by cohort and manifest id."""
    cases = (
        Case.objects.filter(cohort__study=study)
        .exclude(cohort__role=Cohort.Role.PRACTICE)
        .annotate(
            cohort_name=F("cohort__name"),
            etiology=F("referencestandard__etiology"),
            pathologic_method=F("referencestandard__pathologic_method"),
        )
    )
    return sorted(cases, key=lambda case: (case.cohort_name, case.case_id))


def _patients(cases: list[Case], *, version: ModelVersion, seed: int) -> Patients:
    def words(name: str) -> NDArray[np.str_]:
        return np.array([getattr(case, name) or "" for case in cases], dtype=np.str_)

    probabilities = _probabilities(cases, version)
    known = ~np.isnan(probabilities).any(axis=1)
    four_class = np.full((len(cases), len(Etiology)), np.nan)
    four_class[known] = gated_probabilities(probabilities[known], threshold=version.threshold)
    model = np.full(len(cases), MISSING, dtype=np.int8)
    model[known] = decisions(four_class[known])
    return Patients(
        patient=np.array([opaque_name(case, seed) for case in cases], dtype=np.str_),
        cohort=words("cohort_name"),
        truth=np.array([CLASS_INDEX.get(case.etiology, MISSING) for case in cases], np.int8),
        probabilities=probabilities,
        four_class=four_class,
        model=model,
        sex=words("sex"),
        age=np.array([case.age for case in cases], dtype=np.int16),
        diameter_mm=np.array([case.diameter_mm for case in cases], dtype=np.float64),
        location=words("location"),
        neck_level=words("neck_level"),
        pathologic_method=words("pathologic_method"),
    )


def opaque_name(case: Case, seed: int) -> str:
    """A name for the patient that can't be led back to the manifest's without the seed."""
    text = f"{seed}|patient|{case.cohort_name}|{case.case_id}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _probabilities(cases: list[Case], version: ModelVersion) -> NDArray[np.float64]:
    found = predictions_of(cases, model_version=version)
    rows = np.full((len(cases), 3), np.nan)
    for place, case in enumerate(cases):
        if prediction := found.get(case.pk):
            p = prediction
            rows[place] = p.p_malignant, p.p_tuberculous, p.p_metastatic
    return rows


def _readings(
    study: Study, *, readers: list[Reader], cases: list[int]
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Decisions and seconds, each (n_readers, 2, n), of these readers and case ids.

    The seconds are the active time where the browser told it, else from first shown to stored by
    the server's clock.
    """
    shape = (len(readers), len(Stage), len(cases))
    answers = np.full(shape, MISSING, dtype=np.int8)
    seconds = np.full(shape, np.nan)
    row = {reader.pk: index for index, reader in enumerate(readers)}
    place = {pk: index for index, pk in enumerate(cases)}
    readings = Reading.objects.filter(assignment__reader__study=study).values_list(
        "assignment__reader",
        "assignment__stage",
        "assignment__case",
        "etiology",
        Cast("started_at", TextField()),
        Cast("submitted_at", TextField()),
        "trace__active_ms",
    )
    for reader, stage, case, etiology, started, submitted, active in _columns(readings):
        at = ([row[pk] for pk in reader], np.array(stage) - 1, [place[pk] for pk in case])
        answers[at] = [CLASS_INDEX[name] for name in etiology]
        shown = (_times(submitted) - _times(started)) / np.timedelta64(1, "s")
        active_seconds = np.array(active, dtype=np.float64) / 1000  # None becomes nan
        seconds[at] = np.where(np.isnan(active_seconds), shown, active_seconds)
    return answers, seconds


def _times(texts: tuple[str, ...]) -> NDArray[np.datetime64]:
    """Times in UTC as the database writes them. Made into objects one by one, a million of them
    would take three times as long as all the rest."""
    return np.array([text.partition("+")[0] for text in texts], dtype="datetime64[us]")


def _columns(rows: QuerySet) -> Iterator[tuple]:
    """The rows' columns, chunk by chunk."""
    every = rows.iterator(chunk_size=CHUNK)
    while chunk := list(islice(every, CHUNK)):
        yield tuple(zip(*chunk, strict=True))
