"""Reading times: the browser's active time where it was told, else the server's span.

Active time leaves out hidden and idle spans (``reading/trace.py``). The server's, from first shown
to stored, has whatever a reader did in between; it stands for a page that was used without
scripts. Both can occur in one study, and either is skewed, so medians and quartiles are told, not
means, and ranks are compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._row_types import TestRow, with_adjusted_p_values
from analysis.sections._subsets import (
    ALL_READERS,
    STAGES,
    Subset,
    all_readers,
    each_reader,
    reader_groups,
    subsets,
)
from analysis.study_arrays import AIDED, UNAIDED, StudyData

NAME = "times"
TITLE = "Reading times"
READS = ("multiplicity",)
QUESTION = "with vs without AI"
NO_READING = "Nothing was read."
NO_PAIR = "No case was read in both stages."
NO_CHANGE = "No time changed."


@dataclass(frozen=True, kw_only=True)
class TimesRow:
    """Median and quartiles of n readings' times, in seconds; quantiles of type 7.

    Stage "change" is of readings of both stages: the time with AI less that without.
    """

    cohort: str
    subject: str
    kind: str
    stage: str
    n: int
    median: float | None = None
    first_quartile: float | None = None
    third_quartile: float | None = None
    reason: str | None = None


def compute(data: StudyData, plan: Plan) -> dict:
    """Tables ``times`` and ``tests``: each reader's cases, and over readers their median changes.

    Readers' p-values are adjusted over the readers of one cohort; that over readers is not.
    """
    tests = with_adjusted_p_values(
        [row for subset in subsets(data) for row in _reader_tests(data, subset)],
        method=plan.multiplicity,
        family=lambda row: row.cohort,
    )
    tests += [_over_readers(subset) for subset in subsets(data)]
    times = (row for subset in subsets(data) for row in _times(data, subset))
    return {"tables": {"times": table(TimesRow, times), "tests": table(TestRow, tests)}}


def _times(data: StudyData, subset: Subset) -> Iterator[TimesRow]:
    for readers in (*each_reader(data), *reader_groups(data), all_readers(data)):
        named = {"cohort": subset.cohort, "subject": readers.name, "kind": readers.kind}
        members = list(readers.rows)
        unaided, aided = subset.seconds[members, UNAIDED], subset.seconds[members, AIDED]
        for stage, seconds in zip(STAGES, (unaided, aided), strict=True):
            yield _row(seconds, stage=stage, reason=NO_READING, **named)
        yield _row(aided - unaided, stage="change", reason=NO_PAIR, **named)


def _row(seconds: NDArray[np.float64], *, reason: str, **named: str) -> TimesRow:
    taken = seconds[~np.isnan(seconds)]
    if not taken.size:
        return TimesRow(**named, n=0, reason=reason)
    first, median, third = np.quantile(taken, [0.25, 0.5, 0.75]).tolist()
    return TimesRow(
        **named, n=taken.size, median=median, first_quartile=first, third_quartile=third
    )


def _reader_tests(data: StudyData, subset: Subset) -> Iterator[TestRow]:
    for readers in each_reader(data):
        unaided, aided = subset.seconds[readers.rows[0]]
        both = ~np.isnan(unaided) & ~np.isnan(aided)
        if not both.any():
            yield _test(subset, readers.name, unit="cases", n=0, reason=NO_PAIR)
            continue
        found = stats.wilcoxon_signed_rank(first=aided[both], second=unaided[both])
        change = float(np.median(aided[both] - unaided[both]))
        yield _found(subset, readers.name, found, unit="cases", n=int(both.sum()), change=change)


def _over_readers(subset: Subset) -> TestRow:
    unaided, aided = subset.seconds[:, UNAIDED], subset.seconds[:, AIDED]
    if np.isnan(aided - unaided).all():
        return _test(subset, ALL_READERS, unit="readers", n=0, reason=NO_PAIR)
    found = stats.reading_times(unaided=unaided, aided=aided)
    n = found.median_changes.n
    if found.over_readers is None:
        return _test(subset, ALL_READERS, unit="readers", n=n, reason="It takes two readers.")
    change = found.median_changes.median
    return _found(subset, ALL_READERS, found.over_readers, unit="readers", n=n, change=change)


def _found(
    subset: Subset, subject: str, found: stats.HypothesisTest, *, unit: str, n: int, change: float
) -> TestRow:
    return _test(
        subset,
        subject,
        test=found.method,
        unit=unit,
        n=n,
        statistic=found.statistic,
        difference=change,
        p_value=found.p_value,
        reason=NO_CHANGE if found.p_value is None else None,
    )


def _test(subset: Subset, subject: str, *, test: str = "Wilcoxon signed rank", **found) -> TestRow:
    return TestRow(
        question=QUESTION,
        subject=subject,
        against="itself",
        cohort=subset.cohort,
        metric="median change, seconds",
        test=test,
        **found,
    )
