"""What a study records beside diagnoses, and the paper does not print case by case: plain draws.

They hang on no etiology and were fitted to nothing: they say nothing about patients or readers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readerstudy.demo.published.tables import READERS
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, PathologicMethod, Sex


@dataclass(frozen=True)
class PatientBaseline:
    """Invented baseline characteristics of one case."""

    sex: Sex
    age: int  # years
    diameter_mm: float
    location: Location
    neck_level: NeckLevel
    pathologic_method: PathologicMethod


def draw_baselines(n: int, *, rng: np.random.Generator) -> tuple[PatientBaseline, ...]:
    """Baseline characteristics of n cases."""
    return tuple(
        PatientBaseline(
            sex=Sex(rng.choice(list(Sex))),
            age=int(np.clip(rng.normal(48, 17), 18, 90)),
            diameter_mm=round(float(np.clip(rng.lognormal(3, 0.35), 6, 60)), 1),
            location=Location(rng.choice([Location.LEFT, Location.RIGHT])),
            neck_level=NeckLevel(rng.choice(list(NeckLevel))),
            pathologic_method=PathologicMethod(rng.choice(list(PathologicMethod))),
        )
        for _ in range(n)
    )


def draw_seconds(
    *, truth: NDArray[np.integer], decisions: NDArray[np.integer], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Whole seconds that each reading took, (readers, 2 stages, n), as `decisions`.

    The experienced are quicker, cases that many have wrong take longer, and the second look is
    shorter unless it changes the diagnosis.
    """
    usual = 60 - 1.4 * np.array([reader.years_of_experience for reader in READERS])
    hard = np.mean(decisions[:, 0] != truth, axis=0)
    changed = decisions[:, 0] != decisions[:, 1]
    stage = np.stack([np.ones(changed.shape), np.where(changed, 1.0, 0.6)], axis=1)
    spread = rng.lognormal(0, 0.35, size=decisions.shape)
    seconds = usual[:, None, None] * stage * (1 + 0.5 * hard) * spread
    return np.maximum(4, seconds.round()).astype(np.int64)
