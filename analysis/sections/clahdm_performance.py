"""Table 1: the three sub-models, each on the true members of its branch, and CLA-HDM on all.

Source of the layout: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator

import numpy as np

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._bootstrap_rows import metric_rows
from analysis.sections._micro_metric_rows import METRICS, micro_rows
from analysis.sections._row_types import MetricRow
from analysis.sections._subsets import MODEL, Subset, subsets
from analysis.study_arrays import MISSING, Patients, StudyData
from inference.clahdm.evaluation import branch_and_positives
from inference.clahdm.hierarchical_probabilities import MALIGNANCY_SUB_MODEL, SUB_MODELS

NAME = "table1"
TITLE = "Sub-models and CLA-HDM"
READS = ("intervals", "seed")
SUB_MODEL_METRICS = ("AUC", *METRICS)
NO_RESULT = "The model has no result for any patient of this cohort."
ONE_CLASS = "The cohort's patients of this branch are not of both classes."


def compute(data: StudyData, plan: Plan) -> dict:
    """Table ``metrics``: training cohorts that the model was run on, then the testing ones.

    A patient without a result of the model is left out; n says so.
    """
    rows = (row for subset in _cohorts(data) for row in _rows(subset, plan, data.model.threshold))
    return {"tables": {"metrics": table(MetricRow, rows)}}


def _cohorts(data: StudyData) -> Iterator[Subset]:
    """Parts without readers for the training cohorts."""
    nobody = np.empty((0, 2, 0))
    for cohort in data.cohorts:
        patients = data.training.of(data.training.cohort == cohort.name)
        if np.any(patients.model != MISSING):
            yield Subset(cohort.name, patients, nobody, nobody)
    yield from subsets(data)


def _rows(subset: Subset, plan: Plan, threshold: float) -> Iterator[MetricRow]:
    known = (subset.patients.model != MISSING) & (subset.patients.truth != MISSING)
    patients = subset.patients.of(known)
    for column, name in enumerate(SUB_MODELS):
        yield from _sub_model(
            patients,
            plan,
            column=column,
            name=name,
            threshold=threshold if name == MALIGNANCY_SUB_MODEL else 0.5,
            cohort=subset.cohort,
        )
    yield from _clahdm(subset, patients, plan)


def _sub_model(
    patients: Patients, plan: Plan, *, column: int, name: str, threshold: float, cohort: str
) -> Iterator[MetricRow]:
    named = {
        "cohort": cohort,
        "subject": f"Sub-model {column + 1}",
        "kind": "sub-model",
        "stage": "",
    }
    members, positive = branch_and_positives(name, patients.truth)
    truth, score = positive[members], patients.probabilities[members, column]
    if truth.all() or not truth.any():
        for metric in SUB_MODEL_METRICS:
            yield MetricRow(**named, metric=metric, n=truth.size, reason=ONE_CLASS)
        return
    area = {"AUC": stats.auc_statistic(truth=truth, score=score)}
    yield from metric_rows(area, plan, strata=truth, **named)
    decision = score >= threshold
    of_decisions = {
        metric: stats.metric_statistic(
            truth=truth.astype(int), decision=decision.astype(int), metric=metric, of=1, n_classes=2
        )
        for metric in METRICS
    }
    yield from metric_rows(of_decisions, plan, **named)


def _clahdm(subset: Subset, patients: Patients, plan: Plan) -> Iterator[MetricRow]:
    named = {"cohort": subset.cohort, "subject": MODEL, "kind": "model", "stage": ""}
    if not len(patients):
        yield MetricRow(**named, metric="micro-averaged AUC", n=0, reason=NO_RESULT)
    else:
        areas = stats.one_vs_rest_auc_statistics(truth=patients.truth, score=patients.four_class)
        area = {"micro-averaged AUC": areas.micro}
        yield from metric_rows(area, plan, strata=patients.truth, **named)
    yield from micro_rows(
        subset, plan, subset.patients.model, subject=MODEL, kind="model", stage=""
    )
