"""One row of a baseline table: a variable described in each cohort, and compared over them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import one_of
from analysis.stats.contingency import chi_squared, fisher_exact, smallest_expected
from analysis.stats.continuous_tests import (
    HypothesisTest,
    anova,
    kruskal_wallis,
    mann_whitney,
    t_test,
)

VariableKind = Literal["continuous", "categorical"]
ContinuousTest = Literal["rank", "mean", "welch"]
CategoricalTest = Literal["chi-squared", "chi-squared-corrected", "fisher"]


@dataclass(frozen=True)
class ContinuousSummary:
    """Of the `n` values that are there; None where they are too few for it.

    `sd` divides by n - 1; the quartiles are of R's default kind, type 7.
    """

    n: int
    missing: int
    mean: float | None
    sd: float | None
    median: float | None
    quartiles: tuple[float, float] | None
    extremes: tuple[float, float] | None


@dataclass(frozen=True)
class CategoricalSummary:
    """Counts of the categories among the `n` values that are there, and their shares of n."""

    n: int
    missing: int
    counts: tuple[int, ...]
    shares: tuple[float, ...] | None


@dataclass(frozen=True)
class BaselineVariable:
    """Summaries cohort by cohort and of all together, and the test between the cohorts.

    `categories` and `smallest_expected` (count of a cell, were cohort and category
    independent) are of a categorical variable only. `comparison` is None with one cohort, or
    where a cohort has too few values for the test.
    """

    kind: VariableKind
    cohorts: tuple[Hashable, ...]
    categories: tuple[Hashable, ...]
    summaries: tuple[ContinuousSummary | CategoricalSummary, ...]
    overall: ContinuousSummary | CategoricalSummary
    comparison: HypothesisTest | None
    smallest_expected: float | None


def baseline_variable(
    *,
    values: ArrayLike,
    cohorts: Sequence[Hashable],
    kind: VariableKind,
    test: ContinuousTest | CategoricalTest | None = None,
    cohort_order: Sequence[Hashable] | None = None,
    categories: Sequence[Hashable] | None = None,
    seed: int | np.random.Generator = 0,
) -> BaselineVariable:
    """Describe a variable in each cohort and test whether the cohorts differ.

    Parameters
    ----------
    values : array_like, shape (n_patients,)
        Numbers, or labels of categories; None or NaN where missing.
    cohorts : sequence, length n_patients
        The cohort of each patient.
    kind : {"continuous", "categorical"}
    test : str, optional
        Chosen beforehand, never by the look of the data. Continuous: "rank" (the default),
        Mann-Whitney ("auto") for two cohorts and Kruskal-Wallis for more; "mean", Student's t or
        one-way ANOVA; "welch", Welch's t or ANOVA. Categorical: "chi-squared" (the default),
        without correction; "chi-squared-corrected", Yates's, for a 2 x 2 table; "fisher".
    cohort_order, categories : sequence, optional
        The cohorts and the categories in the order wanted, also those that nobody is in;
        without it, by first appearance.
    seed : int or numpy.random.Generator, default 0
        As in `fisher_exact`.

    Raises
    ------
    ValueError
        If the two differ in length or are empty, a number is infinite or no number, a label
        is not in the order given, `kind` is unknown, `test` is not one for the kind, or Yates's
        correction is asked for on a larger table.
    """
    one_of("kind", kind, get_args(VariableKind))
    tests = get_args(ContinuousTest if kind == "continuous" else CategoricalTest)
    test = one_of(f"test of a {kind} variable", test or tests[0], tests)
    names, cohort = _codes("cohorts", cohorts, cohort_order)
    if np.any(cohort < 0):
        raise ValueError(f"cohorts is missing for patient {np.argmin(cohort)}, counted from 0")
    if len(values) != cohort.size:
        raise ValueError(f"cohorts has {cohort.size} patients, but values has {len(values)}")
    if kind == "continuous":
        return _continuous(_numbers(values), names, cohort, test)
    labels, category = _codes("values", values, categories)
    return _categorical(category, labels, names, cohort, test=test, seed=seed)


def _continuous(
    values: NDArray[np.floating],
    names: tuple[Hashable, ...],
    cohort: NDArray[np.integer],
    test: ContinuousTest,
) -> BaselineVariable:
    by_cohort = [values[cohort == k] for k in range(len(names))]
    groups = [group[~np.isnan(group)] for group in by_cohort]
    enough = min(group.size for group in groups) >= (1 if test == "rank" else 2)
    return BaselineVariable(
        kind="continuous",
        cohorts=names,
        categories=(),
        summaries=tuple(_describe(group) for group in by_cohort),
        overall=_describe(values),
        comparison=_compare(groups, test) if enough and len(groups) > 1 else None,
        smallest_expected=None,
    )


def _describe(values: NDArray[np.floating]) -> ContinuousSummary:
    there = values[~np.isnan(values)]
    if not there.size:
        return ContinuousSummary(0, values.size, None, None, None, None, None)
    low, first, median, third, high = np.quantile(there, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return ContinuousSummary(
        n=there.size,
        missing=values.size - there.size,
        mean=float(there.mean()),
        sd=float(there.std(ddof=1)) if there.size > 1 else None,
        median=median,
        quartiles=(first, third),
        extremes=(low, high),
    )


def _compare(groups: list[NDArray[np.floating]], test: ContinuousTest) -> HypothesisTest:
    two = len(groups) == 2
    if test == "rank":
        if two:
            return mann_whitney(first=groups[0], second=groups[1])
        return kruskal_wallis(groups=groups)
    if two:
        return t_test(first=groups[0], second=groups[1], equal_variances=test == "mean")
    return anova(groups=groups, equal_variances=test == "mean")


def _categorical(
    category: NDArray[np.integer],
    labels: tuple[Hashable, ...],
    names: tuple[Hashable, ...],
    cohort: NDArray[np.integer],
    *,
    test: CategoricalTest,
    seed: int | np.random.Generator,
) -> BaselineVariable:
    by_cohort = [category[cohort == k] for k in range(len(names))]
    summaries = tuple(_count(group, len(labels)) for group in by_cohort)
    table = np.array([summary.counts for summary in summaries], dtype=int)
    comparison = expected = None
    if len(names) > 1 and min(summary.n for summary in summaries):
        expected = smallest_expected(table=table)
        if test == "fisher":
            comparison = fisher_exact(table=table, seed=seed)
        else:
            comparison = chi_squared(table=table, correct=test == "chi-squared-corrected")
    return BaselineVariable(
        kind="categorical",
        cohorts=names,
        categories=labels,
        summaries=summaries,
        overall=_count(category, len(labels)),
        comparison=comparison,
        smallest_expected=expected,
    )


def _count(category: NDArray[np.integer], n_categories: int) -> CategoricalSummary:
    there = category[category >= 0]
    counts = np.bincount(there, minlength=n_categories)
    return CategoricalSummary(
        n=there.size,
        missing=category.size - there.size,
        counts=tuple(counts.tolist()),
        shares=tuple((counts / there.size).tolist()) if there.size else None,
    )


def _numbers(values: ArrayLike) -> NDArray[np.floating]:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("values of a continuous variable must be numbers") from None
    if numbers.ndim != 1 or np.isinf(numbers).any():
        raise ValueError("values of a continuous variable must be finite, shape (n_patients,)")
    return numbers


def _codes(
    name: str, labels: Sequence[Hashable], order: Sequence[Hashable] | None
) -> tuple[tuple[Hashable, ...], NDArray[np.integer]]:
    """The different labels, and for each patient the place of its own; -1 where missing."""
    labels = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    if not labels:
        raise ValueError(f"{name} is empty")
    # Only NaN differs from itself.
    labels = [None if label != label else label for label in labels]  # noqa: PLR0124
    wanted = labels if order is None else order
    names = tuple(dict.fromkeys(label for label in wanted if label is not None))
    place = {label: k for k, label in enumerate(names)} | {None: -1}
    for patient, label in enumerate(labels):
        if label not in place:
            raise ValueError(
                f"{name} has {label!r} for patient {patient}, counted from 0, "
                f"but the order given has only {', '.join(map(repr, names))}"
            )
    return names, np.array([place[label] for label in labels])
