"""ROC curves of the model, on the hard-gated probabilities as published, and the areas.

Curves: ``micro-averaged``, an etiology against the rest by its value, and ``malignancy``, on
sub-model 1's probability.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._bootstrap_rows import metric_rows
from analysis.sections._row_types import MetricRow
from analysis.sections._subsets import MODEL, Subset, subsets
from analysis.study_arrays import MISSING, Patients, StudyData
from readerstudy.diagnosis import Etiology, Malignancy

NAME = "roc"
TITLE = "ROC curves"
READS = ("intervals", "seed")
MICRO, MACRO, MALIGNANCY = "micro-averaged", "macro-averaged", "malignancy"
NO_RESULT = "The model has no result for any patient of this cohort."
ONE_CLASS = "Of the cohort's patients none, or every one, is of this class."
IS_MALIGNANT = np.array([e.malignancy is Malignancy.MALIGNANT for e in Etiology])


@dataclass(frozen=True, kw_only=True)
class PointRow:
    """A corner of a curve; between corners it is straight.

    Cells that score ``threshold`` or more are called positive; null: none is.
    """

    cohort: str
    curve: str
    threshold: float | None
    false_positive_rate: float
    true_positive_rate: float


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``metrics``, with the areas, and ``curves``. Areas resample patients of each class
    apart."""
    areas, points = [], []
    for subset in subsets(data):
        patients = subset.patients.of(subset.patients.model != MISSING)
        areas += _areas(subset, patients, plan)
        points += _points(subset, patients)
    return {"tables": {"metrics": table(MetricRow, areas), "curves": table(PointRow, points)}}


def _areas(subset: Subset, patients: Patients, plan: Plan) -> Iterator[MetricRow]:
    named = {"cohort": subset.cohort, "subject": MODEL, "kind": "model", "stage": ""}
    curves = [MICRO, MACRO, *(each.value for each in Etiology), MALIGNANCY]
    statistics = {f"{name} AUC": area for name, area in _statistics(patients).items()}
    reason = ONE_CLASS if len(patients) else NO_RESULT
    for name in curves:
        metric = f"{name} AUC"
        if metric not in statistics:
            yield MetricRow(**named, metric=metric, n=len(patients), reason=reason)
            continue
        strata = IS_MALIGNANT[patients.truth] if name == MALIGNANCY else patients.truth
        yield from metric_rows({metric: statistics[metric]}, plan, strata=strata, **named)


def _statistics(patients: Patients) -> dict[str, stats.WeightedStatistic]:
    """The areas that these patients define."""
    if not len(patients):
        return {}
    found = stats.one_vs_rest_auc_statistics(truth=patients.truth, score=patients.four_class)
    every = {MICRO: found.micro, MACRO: found.macro}
    every |= {e.value: found.per_class[e.class_index] for e in Etiology}
    malignant = IS_MALIGNANT[patients.truth]
    if malignant.any() and not malignant.all():
        score = patients.probabilities[:, 0]
        every[MALIGNANCY] = stats.auc_statistic(truth=malignant, score=score)
    return {name: area for name, area in every.items() if area is not None}


def _points(subset: Subset, patients: Patients) -> Iterator[PointRow]:
    for name, curve in _curves(patients).items():
        if curve is None:
            continue
        for at in _corners(curve.false_positive_rate, curve.true_positive_rate):
            threshold = float(curve.threshold[at])
            yield PointRow(
                cohort=subset.cohort,
                curve=name,
                threshold=threshold if np.isfinite(threshold) else None,
                false_positive_rate=float(curve.false_positive_rate[at]),
                true_positive_rate=float(curve.true_positive_rate[at]),
            )


def _curves(patients: Patients) -> dict[str, stats.RocCurve | None]:
    if not len(patients):
        return {}
    found = stats.one_vs_rest_roc(truth=patients.truth, score=patients.four_class)
    curves = {MICRO: found.micro}
    curves |= {e.value: found.per_class[e.class_index] for e in Etiology}
    malignant = IS_MALIGNANT[patients.truth]
    if malignant.any() and not malignant.all():
        score = patients.probabilities[:, 0]
        curves[MALIGNANCY] = stats.roc_curve(truth=malignant, score=score)
    return curves


def _corners(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of the first and last point and of those where a run straight up, or straight to
    the right, ends: the others lie on the line between their neighbours."""
    up, right = np.diff(x) == 0, np.diff(y) == 0
    straight = (up[:-1] & up[1:]) | (right[:-1] & right[1:])
    return np.concatenate([[0], np.flatnonzero(~straight) + 1, [len(x) - 1]])
