"""Which cases each reader has right, without AI and with it, in one cohort.

How many is printed. Which of them is free, but for what hangs on two arms having the same cases
right: the marks of significance (`fit_significance_marks`), which the result always keeps, and the
permutation p-values of Table 3, which it comes as near to as it can. The search starts from a
plausible draw and swaps a right case of a reader for a wrong one, over and over: simulated
annealing.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log
from statistics import median

import numpy as np
from numpy.typing import NDArray

from analysis.stats import paired_permutation
from readerstudy.demo.published.fit_significance_marks import (
    fit_aided_vs_unaided,
    fit_model_vs_unaided,
)
from readerstudy.demo.published.tables import BENCHMARK_GROUP, GROUPS, READERS, PublishedCohort

# Arms are numbered: the model, the readers without AI, the readers with AI.
MODEL = 0
UNAIDED = range(1, 1 + len(READERS))
AIDED = range(UNAIDED.stop, UNAIDED.stop + len(READERS))

LEAST_ALIKE = -0.1
"""Lowest kappa of two arms' right cases, unless the marks force a lower one: some cases are easier
than others, so that people agree more often than by chance, or about as often."""

STEPS = 30_000
_WARMTH = 0.003  # of the first steps
_OUT_OF_BOUNDS = 6.0  # cost of each case that a pair of arms is away from where it must be
_AGAINST = 0.01  # cost of each case that a reader, shown the model, changes away from it
_PULL = 0.1  # towards the usual alikeness; the p-values weigh ten times as much


@dataclass(frozen=True)
class _PrintedTest:
    """A permutation test of two pairs of arms, and its printed p-value. The model is twice in its
    pair, which leaves the test the same."""

    first: tuple[int, int]
    second: tuple[int, int]
    printed: float


def rebuild_correct_cases(
    cohort: PublishedCohort, *, model_correct: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Whether each decision is right, bool (readers, 2 stages, n); `model_correct` is (n,).

    Raises RuntimeError if the search ends with two arms out of bounds: without a mark that can be
    met, or too unlike. Another seed may do better.
    """
    n = len(model_correct)
    right = [cohort.model_correct, *(r.unaided for r in cohort.readers)]
    right += [reader.aided for reader in cohort.readers]
    costs = {
        pair: _pair_costs(cohort, pair, right=right) for pair in combinations(range(len(right)), 2)
    }
    arms = [_as_bits(row) for row in _first_draw(model_correct, right, rng)]
    arms = _Search(costs, list(_comparisons(cohort)), n).run(arms, rng)
    for (x, y), cost in costs.items():
        if cost[(arms[x] & arms[y]).bit_count()] >= _OUT_OF_BOUNDS:
            raise RuntimeError(
                f"{cohort.name}: arms {x} and {y} ended out of bounds; try another seed"
            )
    found = np.array([_as_flags(arm, n) for arm in arms])
    return np.stack([found[list(UNAIDED)], found[list(AIDED)]], axis=1)


def kappa(*, n: int, correct_a: int, correct_b: int, both: int) -> float:
    """Cohen's kappa of two arms' being right."""
    by_chance = correct_a * (n - correct_b) + correct_b * (n - correct_a)
    return 1 - n * (correct_a + correct_b - 2 * both) / by_chance


def _first_draw(
    model_correct: NDArray[np.bool_], right: Sequence[int], rng: np.random.Generator
) -> Iterator[NDArray[np.bool_]]:
    """The arms' right cases: the easiest for each. Ease is common to all, more or less, and with
    AI a case that the model has right is easier."""
    n = len(model_correct)
    ease = rng.normal(size=n) + 0.6 * model_correct
    taste = rng.normal(scale=0.9, size=(len(READERS), n))
    yield model_correct
    for arm in (*UNAIDED, *AIDED):
        own = ease + taste[(arm - 1) % len(READERS)]
        if arm in AIDED:
            own = own + 0.8 * model_correct + rng.normal(scale=0.4, size=n)
        easiest = np.zeros(n, dtype=bool)
        easiest[np.argsort(-own)[: right[arm]]] = True
        yield easiest


def _usual_kappa(x: int, y: int) -> float:
    """How alike two arms are where nothing printed says otherwise. Ours, for want of data."""
    if x == MODEL:
        return 0.2 if y in UNAIDED else 0.35
    if y - x == len(READERS):
        return 0.55  # a reader without and with AI
    return 0.35 if x in AIDED else 0.3


def _pair_costs(
    cohort: PublishedCohort, pair: tuple[int, int], *, right: Sequence[int]
) -> list[float]:
    """Cost of two arms' having 0, 1, 2 ... cases both right, up to all n."""
    x, y = pair
    n = cohort.size
    possible = range(max(0, right[x] + right[y] - n), min(right[x], right[y]) + 1)
    kappas = {
        both: kappa(n=n, correct_a=right[x], correct_b=right[y], both=both) for both in possible
    }
    allowed = _keep_marks(cohort, pair) or set(possible)
    alike = {both for both in allowed if kappas[both] >= LEAST_ALIKE} or {max(allowed)}
    costs = [float("inf")] * (n + 1)
    for both in possible:
        away = min(abs(both - there) for there in alike)
        pull = (kappas[both] - _usual_kappa(x, y)) ** 2
        costs[both] = _OUT_OF_BOUNDS * away + _PULL * pull
    return costs


def _keep_marks(cohort: PublishedCohort, pair: tuple[int, int]) -> set[int]:
    """Cases both right that give most marks; empty if the paper does not compare these two."""
    x, y = pair
    if x == MODEL and y in UNAIDED:
        fits = fit_model_vs_unaided(cohort, UNAIDED.index(y))
    elif y - x == len(READERS):
        fits = fit_aided_vs_unaided(cohort, UNAIDED.index(x))
    else:
        return set()
    return set(fits.different_names)


def _comparisons(cohort: PublishedCohort) -> Iterator[_PrintedTest]:
    seniors = tuple(UNAIDED[reader] for reader in GROUPS[BENCHMARK_GROUP])
    for group, members in GROUPS.items():
        printed = cohort.groups[group]
        unaided, aided = ([stage[reader] for reader in members] for stage in (UNAIDED, AIDED))
        yield _PrintedTest(tuple(unaided), (MODEL, MODEL), median(printed.model_vs_unaided))
        if printed.aided_vs_seniors:
            yield _PrintedTest(tuple(aided), seniors, median(printed.aided_vs_seniors))


class _Search:
    """The annealing. An arm is an integer: bit i says whether case i is right, so that counting
    cases is one instruction."""

    def __init__(self, costs: dict, comparisons: list[_PrintedTest], n: int):
        self.n = n
        self.costs = costs | {(y, x): cost for (x, y), cost in costs.items()}
        self.comparisons = comparisons
        self.hanging_on = {
            arm: [
                number
                for number, comparison in enumerate(comparisons)
                if arm in comparison.first + comparison.second
            ]
            for arm in (*UNAIDED, *AIDED)
        }
        self.p_costs: dict[tuple[int, int, int], float] = {}

    def run(self, arms: list[int], rng: np.random.Generator) -> list[int]:
        """Swap right and wrong cases, ever more unwilling to make things worse."""
        moves = [[arm] for arm in (*UNAIDED, *AIDED)]
        moves += [list(pair) for pair in zip(UNAIDED, AIDED, strict=True)]  # both stages at once
        draws = zip(
            rng.integers(len(moves), size=STEPS).tolist(),
            rng.integers(self.n, size=STEPS).tolist(),
            rng.integers(self.n, size=STEPS).tolist(),
            rng.exponential(size=STEPS).tolist(),
            np.linspace(_WARMTH, 0, STEPS).tolist(),
            strict=True,
        )
        for move, i, j, patience, warmth in draws:
            changed = [arm for arm in moves[move] if (arms[arm] >> i ^ arms[arm] >> j) & 1]
            if not changed:
                continue
            swapped = arms.copy()
            for arm in changed:
                swapped[arm] ^= 1 << i | 1 << j
            if self._cost(swapped, changed) - self._cost(arms, changed) <= warmth * patience:
                arms = swapped
        return arms

    def _cost(self, arms: list[int], changed: list[int]) -> float:
        """All that hangs on the changed arms: one, or both of a reader."""
        cost = 0.0
        for x in changed:
            for y, other in enumerate(arms):
                if y != x:
                    cost += self.costs[x, y][(arms[x] & other).bit_count()]
        if len(changed) == 2:  # whose own pair was counted twice
            x, y = changed
            cost -= self.costs[x, y][(arms[x] & arms[y]).bit_count()]
        reader = (changed[0] - UNAIDED.start) % len(READERS)
        unaided, aided = arms[UNAIDED[reader]], arms[AIDED[reader]]
        cost += _AGAINST * ((unaided ^ aided) & (aided ^ arms[MODEL])).bit_count()
        for number in {number for arm in changed for number in self.hanging_on[arm]}:
            cost += self._p_cost(number, arms)
        return cost

    def _p_cost(self, number: int, arms: list[int]) -> float:
        """The p-value hangs on how many cases the pairs differ by one, and by two: the sum of the
        differences is fixed."""
        comparison = self.comparisons[number]
        a, b = (arms[x] for x in comparison.first)
        c, d = (arms[x] for x in comparison.second)
        by_one = (a ^ b ^ c ^ d).bit_count()
        by_two = (a & b & ~(c | d) | c & d & ~(a | b)).bit_count()
        key = (number, by_one, by_two)
        if key not in self.p_costs:
            first, second = ([_as_flags(x, self.n) for x in pair] for pair in ((a, b), (c, d)))
            p_value = paired_permutation(a=first, b=second).p_value
            self.p_costs[key] = abs(log(p_value / comparison.printed))
        return self.p_costs[key]


def _as_bits(flags: NDArray[np.bool_]) -> int:
    return sum(1 << int(case) for case in np.flatnonzero(flags))


def _as_flags(bits: int, n: int) -> NDArray[np.bool_]:
    return np.array([bits >> case & 1 for case in range(n)], dtype=bool)
