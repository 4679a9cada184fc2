"""Baseline characteristics of the cohorts, the training cohort too, and whether they differ.

Source of the variables: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._subsets import ALL_COHORTS
from analysis.study_arrays import MISSING, Patients, StudyData
from readerstudy.diagnosis import Etiology
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, PathologicMethod, Sex

NAME = "baseline"
TITLE = "Baseline characteristics"
READS = ("baseline", "seed")
CONTINUOUS = ("age", "diameter_mm")
CATEGORICAL = {
    "sex": Sex,
    "location": Location,
    "neck_level": NeckLevel,
    "pathologic_method": PathologicMethod,
    "etiology": Etiology,
}
ONE_COHORT = "There is one cohort."
TOO_FEW = "A cohort has too few values."
NO_VARIATION = "The values do not vary."


@dataclass(frozen=True, kw_only=True)
class ContinuousRow:
    """Of the n values of a variable in a cohort; the quartiles are of type 7."""

    variable: str
    cohort: str
    n: int
    missing: int
    mean: float | None
    sd: float | None
    median: float | None
    first_quartile: float | None
    third_quartile: float | None
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, kw_only=True)
class CategoricalRow:
    """Patients of a cohort in one category, of the n whose category is known."""

    variable: str
    category: str
    cohort: str
    n: int
    missing: int
    count: int
    share: float | None


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """The test of whether the cohorts differ in a variable.

    ``smallest_expected`` is the least count expected of a cell: chi-squared wants about 5.
    """

    variable: str
    test: str | None
    cohorts: int
    n: int
    statistic: float | None = None
    p_value: float | None = None
    smallest_expected: float | None = None
    reason: str | None = None


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``continuous``, ``categorical`` and ``comparisons``; cohorts in the study's order."""
    patients = [data.training, data.testing]
    cohort = np.concatenate([each.cohort for each in patients])
    order = [each.name for each in data.cohorts if np.any(cohort == each.name)]
    found = {
        name: _variable(name, patients, cohort, order, plan) for name in (*CONTINUOUS, *CATEGORICAL)
    }
    return {
        "tables": {
            "continuous": table(ContinuousRow, _continuous(found)),
            "categorical": table(CategoricalRow, _categorical(found)),
            "comparisons": table(ComparisonRow, map(_comparison, found, found.values())),
        }
    }


def _variable(name: str, patients: list[Patients], cohort, order, plan) -> stats.BaselineVariable:
    if name in CONTINUOUS:
        values = np.concatenate([getattr(each, name) for each in patients]).astype(float)
        return stats.baseline_variable(
            values=values,
            cohorts=cohort,
            kind="continuous",
            test=plan.baseline.continuous,
            cohort_order=order,
        )
    return stats.baseline_variable(
        values=np.concatenate([_labels(each, name) for each in patients]),
        cohorts=cohort,
        kind="categorical",
        test=plan.baseline.categorical,
        cohort_order=order,
        categories=[member.value for member in CATEGORICAL[name]],
        seed=plan.seed,
    )


def _labels(patients: Patients, name: str) -> np.ndarray:
    """Objects: a word each, None where it is not known."""
    if name == "etiology":
        words = [None if k == MISSING else list(Etiology)[k].value for k in patients.truth]
    else:
        words = [word or None for word in getattr(patients, name).tolist()]
    return np.array(words, dtype=object)


def _summaries(variable: stats.BaselineVariable) -> Iterator[tuple]:
    yield from zip(variable.cohorts, variable.summaries, strict=True)
    yield ALL_COHORTS, variable.overall


def _continuous(found: dict[str, stats.BaselineVariable]) -> Iterator[ContinuousRow]:
    for name in CONTINUOUS:
        for cohort, summary in _summaries(found[name]):
            first, third = summary.quartiles or (None, None)
            low, high = summary.extremes or (None, None)
            yield ContinuousRow(
                variable=name,
                cohort=cohort,
                n=summary.n,
                missing=summary.missing,
                mean=summary.mean,
                sd=summary.sd,
                median=summary.median,
                first_quartile=first,
                third_quartile=third,
                minimum=low,
                maximum=high,
            )


def _categorical(found: dict[str, stats.BaselineVariable]) -> Iterator[CategoricalRow]:
    for name in CATEGORICAL:
        for cohort, summary in _summaries(found[name]):
            for place, category in enumerate(found[name].categories):
                yield CategoricalRow(
                    variable=name,
                    category=category,
                    cohort=cohort,
                    n=summary.n,
                    missing=summary.missing,
                    count=summary.counts[place],
                    share=summary.shares and summary.shares[place],
                )


def _comparison(name: str, variable: stats.BaselineVariable) -> ComparisonRow:
    cohorts, comparison = len(variable.cohorts), variable.comparison
    if comparison is None:
        reason = ONE_COHORT if cohorts == 1 else TOO_FEW
        return ComparisonRow(
            variable=name, test=None, cohorts=cohorts, n=variable.overall.n, reason=reason
        )
    return ComparisonRow(
        variable=name,
        test=comparison.method,
        cohorts=cohorts,
        n=variable.overall.n,
        statistic=comparison.statistic,
        p_value=comparison.p_value,
        smallest_expected=variable.smallest_expected,
        reason=NO_VARIATION if comparison.p_value is None else None,
    )
