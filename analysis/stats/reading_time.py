"""How long readings took, unaided and aided.

Reading times are skewed, so medians describe them and ranks compare them. Readings of one
reader are the sample for that reader; for readers in general the readers are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats.continuous_tests import HypothesisTest, wilcoxon_signed_rank

_EXACT_READERS = 50


@dataclass(frozen=True)
class TimeSummary:
    """Median and quartiles (R's type 7) of `n` times or changes of time, in seconds."""

    n: int
    median: float
    quartiles: tuple[float, float]


@dataclass(frozen=True)
class TimeChange:
    """Times of readings that were timed both ways, and their changes: aided less unaided."""

    unaided: TimeSummary
    aided: TimeSummary
    change: TimeSummary


@dataclass(frozen=True)
class ReadingTimes:
    """Reader by reader, all readings pooled, and over readers.

    `readers` and `tests` (signed rank over that reader's cases) hold None for a reader with no
    reading timed both ways. `pooled` describes only: readings of one reader resemble one
    another and those of one case do too, so they are no independent sample to test.
    `median_changes` is of the readers' median changes, and `over_readers` the signed rank test
    of these, one value a reader, exact for up to 50; it is None with fewer than two readers.
    With six its p-value cannot be below 0.03125.
    """

    readers: tuple[TimeChange | None, ...]
    tests: tuple[HypothesisTest | None, ...]
    pooled: TimeChange
    median_changes: TimeSummary
    over_readers: HypothesisTest | None


def reading_times(*, unaided: ArrayLike, aided: ArrayLike) -> ReadingTimes:
    """Compare reading times of the same cases without and with the model.

    Parameters
    ----------
    unaided, aided : array_like of float, shape (n_readers, n_cases) or (n_cases,)
        Seconds, from 0; NaN where a reading was not timed. A case that a reader has only one
        time for is left out for that reader.

    Returns
    -------
    ReadingTimes
        Tests are Wilcoxon's signed rank, a reader's with method "auto", the aided time
        first: V sums the ranks of the cases, or readers, that took longer aided.

    Raises
    ------
    ValueError
        If the two differ in shape, are empty or of more than two dimensions; if a time is
        negative or infinite, or no reading was timed both ways.
    """
    unaided, aided = _seconds("unaided", unaided), _seconds("aided", aided)
    if unaided.shape != aided.shape:
        raise ValueError(f"aided has shape {aided.shape}, but unaided has {unaided.shape}")
    timed = ~np.isnan(unaided) & ~np.isnan(aided)
    if not timed.any():
        raise ValueError("no reading was timed both unaided and aided")
    readers, tests = [], []
    for before, after, both in zip(unaided, aided, timed, strict=True):
        there = bool(both.any())
        readers.append(_change(before[both], after[both]) if there else None)
        tests.append(
            wilcoxon_signed_rank(first=after[both], second=before[both]) if there else None
        )
    medians = np.array([reader.change.median for reader in readers if reader])
    over_readers = None
    if medians.size > 1:
        over_readers = wilcoxon_signed_rank(
            first=medians,
            second=np.zeros(medians.size),
            method="exact" if medians.size <= _EXACT_READERS else "auto",
        )
    return ReadingTimes(
        readers=tuple(readers),
        tests=tuple(tests),
        pooled=_change(unaided[timed], aided[timed]),
        median_changes=_summary(medians),
        over_readers=over_readers,
    )


def _change(unaided: NDArray[np.floating], aided: NDArray[np.floating]) -> TimeChange:
    return TimeChange(
        unaided=_summary(unaided), aided=_summary(aided), change=_summary(aided - unaided)
    )


def _summary(seconds: NDArray[np.floating]) -> TimeSummary:
    first, median, third = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return TimeSummary(n=seconds.size, median=median, quartiles=(first, third))


def _seconds(name: str, values: ArrayLike) -> NDArray[np.floating]:
    seconds = np.atleast_2d(np.asarray(values, dtype=float))
    if seconds.ndim != 2 or seconds.size == 0:
        raise ValueError(
            f"{name} must have shape (n_readers, n_cases) or (n_cases,), got {seconds.shape}"
        )
    wrong = np.argwhere((seconds < 0) | np.isinf(seconds))
    if len(wrong):
        reader, case = wrong[0]
        raise ValueError(
            f"{name} must hold seconds, from 0 and finite; reader {reader}, case {case}, "
            f"each counted from 0, has {seconds[reader, case]}"
        )
    return seconds
