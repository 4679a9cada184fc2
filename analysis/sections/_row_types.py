"""The two kinds of row that most tables of results are made of: a figure, and a test."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

from analysis import stats
from analysis.plan import Multiplicity


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One figure of one subject in one cohort and stage, with its interval.

    Shares are proportions, not percentages; ``count`` of ``n`` is what a share was made from,
    null where there is no such count. ``interval`` names the method of the limits.
    """

    cohort: str
    subject: str
    kind: str
    stage: str
    metric: str
    n: int
    count: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    interval: str | None = None
    resamples: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class TestRow:
    """One hypothesis test, as a rule of two arms in the order that ``question`` names them.

    ``unit`` says what was counted, ``n`` of them. McNemar: b units are right in the first arm
    alone, c in the second alone. ``difference`` is the first arm's ``metric`` less the second's,
    with its limits. ``p_adjusted`` is for the ``family`` tests that were adjusted together.
    """

    __test__ = False  # not a test of ours, whatever its name

    question: str
    subject: str
    against: str
    cohort: str
    metric: str
    test: str
    unit: str
    n: int
    b: int | None = None
    c: int | None = None
    statistic: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    interval: str | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    adjustment: str | None = None
    family: int | None = None
    reason: str | None = None


def rate_row(found: stats.Rate, *, reason: str, **named: Any) -> MetricRow:
    """A count of a number as a row; ``reason`` says why there is none to count from."""
    return MetricRow(
        **named,
        n=found.n,
        count=found.count,
        value=found.share,
        low=found.low,
        high=found.high,
        level=found.level if found.n else None,
        interval=found.method if found.n else None,
        reason=None if found.n else reason,
    )


def with_adjusted_p_values(
    rows: list[TestRow], *, method: Multiplicity, family: Callable[[TestRow], Hashable]
) -> list[TestRow]:
    """The rows with their p-values adjusted among those of the same family."""
    if method == "none":
        return rows
    members: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        members.setdefault(family(row), []).append(place)
    result = list(rows)
    for places in members.values():
        found = stats.adjust_p_values(p_values=[rows[at].p_value for at in places], method=method)
        for at, p_value in zip(places, found.p_values, strict=True):
            result[at] = replace(
                rows[at], p_adjusted=p_value, adjustment=method, family=found.n_tests
            )
    return result
