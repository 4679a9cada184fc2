"""Multi-reader multi-case analysis of with against without AI, after Obuchowski and Rockette."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import MrmcMetric, Plan
from analysis.results_document import table
from analysis.sections._row_types import MetricRow, TestRow
from analysis.sections._subsets import ALL_READERS, STAGES, Subset, read_by_all, subsets
from analysis.study_arrays import StudyData
from readerstudy.diagnosis import Etiology, Malignancy

NAME = "mrmc"
TITLE = "Multi-reader multi-case analysis"
READS = ("intervals", "mrmc")
QUESTION = "with vs without AI"
NO_VARIANCE = "The estimated variance is not above 0."
IS_MALIGNANT = np.array([e.malignancy is Malignancy.MALIGNANT for e in Etiology])


@dataclass(frozen=True, kw_only=True)
class ComponentRow:
    """Variance components and mean squares of the readers' figures."""

    cohort: str
    metric: str
    component: str
    n: int
    value: float


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``metrics`` (means over the readers), ``tests`` and ``components``.

    The metrics are secondary to one another; none of the p-values is adjusted.
    """
    metrics: list[MetricRow] = []
    tests: list[TestRow] = []
    components: list[ComponentRow] = []
    for subset in subsets(data):
        for metric in plan.mrmc.metrics:
            found = _analysed(subset, metric, plan)
            metrics += _metrics(subset, metric, found)
            tests.append(_test(subset, metric, found))
            components += _components(subset, metric, found)
    return {
        "tables": {
            "metrics": table(MetricRow, metrics),
            "tests": table(TestRow, tests),
            "components": table(ComponentRow, components),
        }
    }


def _analysed(subset: Subset, metric: MrmcMetric, plan: Plan) -> stats.MrmcResult | str:
    """The analysis of the patients whom all read in both stages, or why there is none."""
    if len(subset.decisions) < 2:
        return "It takes two readers."
    read = read_by_all(*subset.decisions)
    truth, ratings = _rated(
        subset.patients.truth[read], subset.decisions[..., read].transpose(1, 0, 2), metric
    )
    looked_at = {
        "malignancy sensitivity": truth == 1, "malignancy specificity": truth == 0,
    }.get(metric, np.ones(truth.size, dtype=bool))  # fmt: skip
    if looked_at.sum() < 2:
        return "It takes two patients of the kind whom all readers read in both stages."
    return stats.mrmc(
        truth=truth,
        ratings=ratings,
        metric=metric.split()[-1] if metric != "share right" else "accuracy",
        covariance=plan.mrmc.covariance,
        design={"random": "random-readers-random-cases", "fixed": "fixed-readers"}[
            plan.mrmc.readers
        ],
        level=plan.intervals.level,
    )


def _rated(
    truth: NDArray[np.integer], decisions: NDArray[np.integer], metric: MrmcMetric
) -> tuple[NDArray, NDArray]:
    """Truth (n,) and decisions (2, readers, n) as the metric takes them."""
    if metric == "share right":
        return truth, decisions
    return IS_MALIGNANT[truth].astype(int), IS_MALIGNANT[decisions].astype(int)


def _metrics(subset: Subset, metric: str, found: stats.MrmcResult | str) -> Iterator[MetricRow]:
    named = {"cohort": subset.cohort, "subject": ALL_READERS, "kind": "mean of readers"}
    for stage, name in enumerate(STAGES):
        if isinstance(found, str):
            yield MetricRow(**named, stage=name, metric=metric, n=0, reason=found)
            continue
        estimate = found.modalities[stage]
        known = estimate.low is not None
        yield MetricRow(
            **named,
            stage=name,
            metric=metric,
            n=found.performance.n_cases,
            value=estimate.estimate,
            low=estimate.low,
            high=estimate.high,
            level=found.level if known else None,
            interval=found.method if known else None,
            reason=None if known else NO_VARIANCE,
        )


def _test(subset: Subset, metric: str, found: stats.MrmcResult | str) -> TestRow:
    named = {
        "question": QUESTION,
        "subject": ALL_READERS,
        "against": "itself",
        "cohort": subset.cohort,
        "metric": metric,
        "unit": "patients",
    }
    if isinstance(found, str):
        return TestRow(**named, test="Obuchowski-Rockette", n=0, reason=found)
    [difference] = found.differences  # of stage 1 less stage 2
    known = difference.low is not None
    return TestRow(
        **named,
        test=f"{found.method}, {found.test.method}",
        n=found.performance.n_cases,
        statistic=found.test.statistic,
        difference=-difference.difference,
        low=-difference.high if known else None,
        high=-difference.low if known else None,
        level=found.level if known else None,
        interval=found.method if known else None,
        p_value=found.test.p_value,
        reason=None if found.test.p_value is not None else NO_VARIANCE,
    )


def _components(subset: Subset, metric: str, found) -> Iterator[ComponentRow]:
    if isinstance(found, str) or found.components is None:
        return
    values = {
        "reader": found.components.reader,
        "reader by stage": found.components.modality_reader,
        "error": found.components.error,
        "covariance, same reader": found.components.cov1,
        "covariance, same stage": found.components.cov2,
        "covariance, other reader and stage": found.components.cov3,
    }
    for component, value in values.items():
        yield ComponentRow(
            cohort=subset.cohort,
            metric=metric,
            component=component,
            n=found.performance.n_cases,
            value=value,
        )
