"""Whether readers of little experience gain more by the AI: years against the change."""

from collections.abc import Iterator

import numpy as np

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._row_types import MetricRow, TestRow
from analysis.sections._subsets import ALL_READERS, Subset, each_reader, read_by_all, subsets
from analysis.study_arrays import StudyData

NAME = "experience"
TITLE = "Gain by experience"
READS = ("intervals",)
GAIN = "gain in share right"
QUESTION = "gain by years of experience"
TOO_FEW = "It takes three readers who read in both stages."
NO_VARIATION = "Years, or gains, are the same for all readers."


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``metrics``, each reader's gain and the correlation, and ``tests``."""
    metrics: list[MetricRow] = []
    tests: list[TestRow] = []
    for subset in subsets(data):
        gains = list(_gains(data, subset))
        trend = _trend(data, gains, plan.intervals.level)
        metrics += [*gains, _correlation(subset, trend, len(gains))]
        tests.append(_test(subset, trend, len(gains)))
    return {"tables": {"metrics": table(MetricRow, metrics), "tests": table(TestRow, tests)}}


def _gains(data: StudyData, subset: Subset) -> Iterator[MetricRow]:
    """With AI less without, of the patients whom the reader read in both stages."""
    for reader in each_reader(data):
        unaided, aided = subset.decisions[reader.rows[0]]
        read = read_by_all(unaided, aided)
        truth = subset.patients.truth[read]
        gain = None
        if read.any():
            gain = float(np.mean(aided[read] == truth) - np.mean(unaided[read] == truth))
        yield MetricRow(
            cohort=subset.cohort,
            subject=reader.name,
            kind="reader",
            stage="change",
            metric=GAIN,
            n=int(read.sum()),
            value=gain,
            reason=None if read.any() else "Nobody was read in both stages.",
        )


def _trend(data: StudyData, gains: list[MetricRow], level: float) -> stats.ExperienceTrend | None:
    known = [
        (reader.years_of_experience, gain.value)
        for reader, gain in zip(data.readers, gains, strict=True)
        if gain.value is not None
    ]
    if len(known) < 3:
        return None
    years, change = zip(*known, strict=True)
    return stats.benefit_by_experience(years=years, change=change, level=level)


def _correlation(subset: Subset, trend: stats.ExperienceTrend | None, readers: int) -> MetricRow:
    named = {
        "cohort": subset.cohort,
        "subject": ALL_READERS,
        "kind": "all",
        "stage": "change",
        "metric": "Spearman's rank correlation of gain with years",
    }
    if trend is None:
        return MetricRow(**named, n=readers, reason=TOO_FEW)
    known = trend.low is not None
    return MetricRow(
        **named,
        n=trend.n_readers,
        value=trend.estimate,
        low=trend.low,
        high=trend.high,
        level=trend.level if known else None,
        interval="Fisher's z" if known else None,
        reason=None if trend.estimate is not None else NO_VARIATION,
    )


def _test(subset: Subset, trend: stats.ExperienceTrend | None, readers: int) -> TestRow:
    known = trend is not None and trend.p_value is not None
    return TestRow(
        question=QUESTION,
        subject=ALL_READERS,
        against="",
        cohort=subset.cohort,
        metric=GAIN,
        test=trend.method if trend else "Spearman's rank correlation",
        unit="readers",
        n=trend.n_readers if trend else readers,
        statistic=trend.estimate if trend else None,
        p_value=trend.p_value if known else None,
        reason=None if known else (NO_VARIATION if trend else TOO_FEW),
    )
