"""Table 1: the three sub-models, each on the true members of its branch, and CLA-HDM on all.

Source of the layout: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator

import numpy as np

from analysis import stats
from analysis.document import table
from analysis.plan import Plan
from analysis.sections.bootstrap import metric_rows
from analysis.sections.decisions import METRICS, micro_rows
from analysis.sections.parts import MODEL, Part, parts
from analysis.sections.rows import MetricRow
from analysis.study_data import MISSING, Patients, StudyData
from inference.clahdm.evaluation import members_of
from inference.clahdm.hierarchy import MALIGNANCY_SUB_MODEL, SUB_MODELS

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
    rows = (row for part in _cohorts(data) for row in _rows(part, plan, data.model.threshold))
    return {"tables": {"metrics": table(MetricRow, rows)}}


def _cohorts(data: StudyData) -> Iterator[Part]:
    """Parts without readers for the training cohorts."""
    nobody = np.empty((0, 2, 0))
    for cohort in data.cohorts:
        patients = data.training.of(data.training.cohort == cohort.name)
        if np.any(patients.model != MISSING):
            yield Part(cohort.name, patients, nobody, nobody)
    yield from parts(data)


def _rows(part: Part, plan: Plan, threshold: float) -> Iterator[MetricRow]:
    known = (part.patients.model != MISSING) & (part.patients.truth != MISSING)
    patients = part.patients.of(known)
    for column, name in enumerate(SUB_MODELS):
        yield from _sub_model(
            patients,
            plan,
            column=column,
            name=name,
            threshold=threshold if name == MALIGNANCY_SUB_MODEL else 0.5,
            cohort=part.cohort,
        )
    yield from _clahdm(part, patients, plan)


def _sub_model(
    patients: Patients, plan: Plan, *, column: int, name: str, threshold: float, cohort: str
) -> Iterator[MetricRow]:
    named = {
        "cohort": cohort,
        "subject": f"Sub-model {column + 1}",
        "kind": "sub-model",
        "stage": "",
    }
    members, positive = members_of(name, patients.truth)
    truth, score = positive[members], patients.probabilities[members, column]
    if truth.all() or not truth.any():
        for metric in SUB_MODEL_METRICS:
            yield MetricRow(**named, metric=metric, n=truth.size, reason=ONE_CLASS)
        return
    area = {"AUC": stats.auc_statistic(truth=truth, score=score)}
    yield from metric_rows(area, plan, strata=truth, **named)
    said = score >= threshold
    of_decisions = {
        metric: stats.metric_statistic(
            truth=truth.astype(int), decision=said.astype(int), metric=metric, of=1, n_classes=2
        )
        for metric in METRICS
    }
    yield from metric_rows(of_decisions, plan, **named)


def _clahdm(part: Part, patients: Patients, plan: Plan) -> Iterator[MetricRow]:
    named = {"cohort": part.cohort, "subject": MODEL, "kind": "model", "stage": ""}
    if not len(patients):
        yield MetricRow(**named, metric="micro-averaged AUC", n=0, reason=NO_RESULT)
    else:
        areas = stats.one_vs_rest_auc_statistics(truth=patients.truth, score=patients.four_class)
        area = {"micro-averaged AUC": areas.micro}
        yield from metric_rows(area, plan, strata=patients.truth, **named)
    yield from micro_rows(part, plan, part.patients.model, subject=MODEL, kind="model", stage="")
