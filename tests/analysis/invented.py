"""A study as arrays, invented: sections are tested on it without a database."""

from dataclasses import replace

import numpy as np

from analysis.study_arrays import (
    MISSING,
    CohortFacts,
    ModelFacts,
    Patients,
    ReaderFacts,
    StudyData,
)
from inference.clahdm.evaluation import decisions, gated_probabilities

THRESHOLD = 0.5
COHORTS = (
    CohortFacts("training", "training"),
    CohortFacts("internal", "internal_testing"),
    CohortFacts("external", "external_testing"),
)
READERS = (
    ReaderFacts("R1", "senior", 20),
    ReaderFacts("R2", "senior", 14),
    ReaderFacts("R3", "middle", 9),
    ReaderFacts("R4", "junior", 5),
    ReaderFacts("R5", "junior", 3),
)


def make_patients(rng: np.random.Generator, *, cohort: list[str]) -> Patients:
    """A patient a name in ``cohort``; truths go round, so that every etiology is there."""
    n = len(cohort)
    truth = (np.arange(n) % 4).astype(np.int8)
    centres = np.stack([np.where(truth > 1, 0.7, 0.3), np.where(truth == 1, 0.7, 0.3),
                        np.where(truth == 3, 0.7, 0.3)], axis=1)  # fmt: skip
    probabilities = np.clip(rng.normal(centres, 0.25), 0, 1)
    four_class = gated_probabilities(probabilities, threshold=THRESHOLD)
    return Patients(
        patient=np.array([f"{rng.integers(2**62):016x}" for _ in range(n)]),
        cohort=np.array(cohort),
        truth=truth,
        probabilities=probabilities,
        four_class=four_class,
        model=decisions(four_class).astype(np.int8),
        sex=rng.choice(["female", "male"], n),
        age=rng.integers(20, 80, n).astype(np.int16),
        diameter_mm=rng.uniform(8, 40, n),
        location=rng.choice(["left", "right"], n),
        neck_level=rng.choice(["II", "III", "IV"], n),
        pathologic_method=rng.choice(["needle_biopsy", "excisional_biopsy"], n),
    )


def make_study(
    *, seed: int = 5, readers: tuple[ReaderFacts, ...] = READERS, patients: int = 24
) -> StudyData:
    """Two testing cohorts of this many patients in all, and a training cohort of twelve."""
    rng = np.random.default_rng(seed)
    names = ["internal", "external"]
    testing = make_patients(rng, cohort=[names[i * 2 // patients] for i in range(patients)])
    shape = (len(readers), 2, patients)
    right = rng.random(shape) < np.array([0.55, 0.7])[None, :, None]
    others = (testing.truth + rng.integers(1, 4, shape)) % 4
    return StudyData(
        cohorts=COHORTS,
        readers=readers,
        model=ModelFacts("CLA-HDM 1", "0" * 64, THRESHOLD, is_trained=True, is_imported=False),
        testing=testing,
        training=make_patients(rng, cohort=["training"] * 12),
        decisions=np.where(right, testing.truth, others).astype(np.int8),
        seconds=rng.lognormal(3, 0.5, shape).round(3),
    )


def unread(data: StudyData, *, where=...) -> StudyData:
    """The same study without these readings, (reader, stage, patient); by default without any."""
    answers, seconds = data.decisions.copy(), data.seconds.copy()
    answers[where], seconds[where] = MISSING, np.nan
    return replace(data, decisions=answers, seconds=seconds)


def of_patients(data: StudyData, chosen: np.ndarray) -> StudyData:
    """The same study with these testing patients alone."""
    return replace(
        data,
        testing=data.testing.of(chosen),
        decisions=data.decisions[..., chosen],
        seconds=data.seconds[..., chosen],
    )


def without_model(data: StudyData) -> StudyData:
    """The same study, whose model has no result for anybody."""

    def bare(patients: Patients) -> Patients:
        n = len(patients)
        return replace(
            patients,
            probabilities=np.full((n, 3), np.nan),
            four_class=np.full((n, 4), np.nan),
            model=np.full(n, MISSING, dtype=np.int8),
        )

    return replace(data, testing=bare(data.testing), training=bare(data.training))
