"""The published reader study rebuilt case by case: not its data, but data that meet its tables."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.clahdm.evaluation import decisions, gated_probabilities
from inference.clahdm.hierarchical_probabilities import DEFAULT_THRESHOLD
from readerstudy.demo.published.answers import rebuild_answers
from readerstudy.demo.published.correct_case_search import rebuild_correct_cases
from readerstudy.demo.published.invented_baselines_and_times import (
    PatientBaseline,
    draw_baselines,
    draw_seconds,
)
from readerstudy.demo.published.model import rebuild_model
from readerstudy.demo.published.tables import (
    READERS,
    PublishedCohort,
    ReaderFacts,
    published_cohorts,
)
from readerstudy.diagnosis import Etiology

SEED = 2022


@dataclass(frozen=True, eq=False)
class CountedStudy:
    """What the tables are counted from: the testing cohorts' n cases. Classes are indices."""

    cohort: NDArray[np.str_]  # (n,) name
    truth: NDArray[np.int8]  # (n,)
    probabilities: NDArray[np.float64]  # (n, 3) p_malignant, p_tuberculous, p_metastatic
    decisions: NDArray[np.int8]  # (6 readers, 2 stages, n)

    @property
    def model(self) -> NDArray[np.int8]:
        """CLA-HDM's hard-gated decisions (n,)."""
        return _gated(self.probabilities)


@dataclass(frozen=True, eq=False)
class PublishedStudy(CountedStudy):
    """All that is made up; the cohorts' 368 cases are one after the other."""

    cohorts: tuple[PublishedCohort, ...]
    readers: tuple[ReaderFacts, ...]
    case_id: NDArray[np.str_]  # (n,) unique within the study
    seconds: NDArray[np.int64]  # (6 readers, 2 stages, n)
    baselines: tuple[PatientBaseline, ...]  # n of them
    seed: int


def reconstruct(*, seed: int = SEED) -> PublishedStudy:
    """Rebuild the study; the same seed gives the same study. Takes a few seconds.

    Raises RuntimeError if the search for this seed ends without a mark that can be met.
    """
    cohorts = published_cohorts()
    parts = [
        _rebuild(cohort, rng)
        for cohort, rng in zip(
            cohorts, np.random.default_rng(seed).spawn(len(cohorts)), strict=True
        )
    ]
    truth, probabilities, answers, seconds, baselines = zip(*parts, strict=True)
    return PublishedStudy(
        cohorts=cohorts,
        readers=READERS,
        cohort=np.repeat([cohort.name for cohort in cohorts], [c.size for c in cohorts]),
        case_id=np.array([f"{c.name}-{i:03}" for c in cohorts for i in range(1, c.size + 1)]),
        truth=np.concatenate(truth),
        probabilities=np.concatenate(probabilities),
        decisions=np.concatenate(answers, axis=-1),
        seconds=np.concatenate(seconds, axis=-1),
        baselines=sum(baselines, ()),
        seed=seed,
    )


def _rebuild(cohort: PublishedCohort, rng: np.random.Generator) -> tuple:
    truth = rng.permutation(np.repeat(np.arange(len(Etiology), dtype=np.int8), cohort.counts))
    probabilities = rebuild_model(cohort, truth=truth, rng=rng)
    model = _gated(probabilities)
    correct = rebuild_correct_cases(cohort, model_correct=model == truth, rng=rng)
    answers = rebuild_answers(cohort, truth=truth, model=model, correct=correct, rng=rng)
    seconds = draw_seconds(truth=truth, decisions=answers, rng=rng)
    return truth, probabilities, answers, seconds, draw_baselines(cohort.size, rng=rng)


def _gated(probabilities: NDArray[np.float64]) -> NDArray[np.int8]:
    gated = gated_probabilities(probabilities, threshold=DEFAULT_THRESHOLD)
    return decisions(gated).astype(np.int8)
