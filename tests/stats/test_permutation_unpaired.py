"""The unpaired permutation test: against full enumeration, R's Fisher test and big integers."""

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from analysis.stats import unpaired_permutation
from tests.stats.simulated import reference

quick = settings(deadline=None, max_examples=60, derandomize=True)

ALTERNATIVES = ("two-sided", "greater", "less")
FISHER = reference("fisher_r.json")["fisher"]
numbers = st.lists(st.integers(-2, 4), min_size=1, max_size=6)


def p_by_enumeration(a, b, alternative):
    """Every way to choose who is in group a, in fractions."""
    pooled = [Fraction(x) for x in (*a, *b)]
    total = sum(pooled)
    values = [
        Fraction(sum(pooled[i] for i in chosen), len(a))
        - Fraction(total - sum(pooled[i] for i in chosen), len(b))
        for chosen in combinations(range(len(pooled)), len(a))
    ]
    observed = values[0]
    as_extreme = {
        "two-sided": lambda value: abs(value) >= abs(observed),
        "greater": lambda value: value >= observed,
        "less": lambda value: value <= observed,
    }[alternative]
    return np.mean([as_extreme(value) for value in values])


@quick
@given(numbers, numbers, st.sampled_from(ALTERNATIVES))
def test_equals_full_enumeration(a, b, alternative):
    found = unpaired_permutation(a=a, b=b, alternative=alternative)
    assert found.p_value == pytest.approx(p_by_enumeration(a, b, alternative), rel=1e-12)
    assert found.difference == pytest.approx(np.mean(a) - np.mean(b))
    assert (found.n_patients, found.permutations) == (len(a) + len(b), None)


@pytest.mark.parametrize("case", FISHER, ids=lambda case: case["name"])
def test_right_or_wrong_is_fisher_s_test(case):
    (yes_a, no_a), (yes_b, no_b) = case["table"]
    a, b = np.arange(yes_a + no_a) < yes_a, np.arange(yes_b + no_b) < yes_b
    for alternative in ("greater", "less"):
        found = unpaired_permutation(a=a, b=b, alternative=alternative)
        assert found.p_value == pytest.approx(case[alternative], rel=1e-12)
        assert found.method == "exact unpaired permutation, hypergeometric"
    if a.size == b.size:
        assert unpaired_permutation(a=a, b=b).p_value == pytest.approx(case["two_sided"], rel=1e-12)


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_equals_scipy_with_every_permutation(alternative):
    a, b = [3, 1, 4, 1, 5, 2], [2, 0, 1, 1, 3]
    expected = permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        vectorized=True,
        n_resamples=np.inf,
        alternative=alternative,
    )
    found = unpaired_permutation(a=a, b=b, alternative=alternative)
    assert found.difference == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    assert found.method == "exact unpaired permutation, convolution"


def upper_tail_by_big_integers(a, b):
    """P(sum in group a >= observed): subsets counted by size and sum, in integers."""
    ways = {(0, 0): 1}
    for value in (*a, *b):
        grown = dict(ways)
        for (size, total), count in ways.items():
            if size < len(a):
                key = (size + 1, total + value)
                grown[key] = grown.get(key, 0) + count
        ways = grown
    tail = sum(n for (size, total), n in ways.items() if size == len(a) and total >= sum(a))
    return Fraction(tail, comb(len(a) + len(b), len(a)))


@pytest.mark.parametrize("readers", [1, 2])
def test_small_p_keeps_its_relative_accuracy(readers):
    rng = np.random.default_rng(3)
    a, b = (rng.binomial(readers, p, size=n).tolist() for p, n in ((0.95, 100), (0.3, 80)))
    exact = float(upper_tail_by_big_integers(a, b))
    assert 0 < exact < 1e-15
    found = unpaired_permutation(a=a, b=b, alternative="greater").p_value
    assert found == pytest.approx(exact, rel=1e-10, abs=0)


@quick
@given(numbers, numbers)
def test_invariances(a, b):
    forth, back = unpaired_permutation(a=a, b=b), unpaired_permutation(a=b, b=a)
    assert forth.p_value == pytest.approx(back.p_value, rel=1e-12)
    assert forth.difference == pytest.approx(-back.difference)
    shifted = unpaired_permutation(a=[10 * x + 3 for x in a], b=[10 * x + 3 for x in b])
    assert shifted.p_value == forth.p_value
    greater = unpaired_permutation(a=a, b=b, alternative="greater").p_value
    mirrored = unpaired_permutation(
        a=[-x for x in a], b=[-x for x in b], alternative="less"
    ).p_value
    assert greater == pytest.approx(mirrored, rel=1e-12)


def test_fractions_are_left_to_monte_carlo():
    a, b = [0.5, 1.25, 2.0, 0.75], [0.1, 0.2, 1.0]
    found = unpaired_permutation(a=a, b=b, permutations=20_000, seed=1)
    exact = p_by_enumeration(a, b, "two-sided")
    assert found.p_value == pytest.approx(exact, abs=0.015)
    assert (found.method, found.permutations) == ("Monte Carlo unpaired permutation", 20_000)


def test_monte_carlo_agrees_with_the_exact_test():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 4, 40), rng.integers(0, 3, 60)
    exact = unpaired_permutation(a=a, b=b, method="exact").p_value
    drawn = unpaired_permutation(a=a, b=b, method="monte-carlo", seed=6).p_value
    assert drawn == pytest.approx(exact, abs=5 * np.sqrt(exact / 9999) + 1e-3)


def test_equal_groups_give_one():
    assert unpaired_permutation(a=[2, 2], b=[2, 2, 2]).p_value == 1
    assert unpaired_permutation(a=[1, 0], b=[0, 1]).p_value == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": []}, "a is empty"),
        ({"a": [[1, 2]]}, "a must have shape"),
        ({"b": [1, np.nan]}, "b must not hold NaN"),
        ({"b": [1, np.inf]}, "finite numbers"),
        ({"alternative": "both"}, "alternative must be one of two-sided, greater, less"),
        ({"method": "asymptotic"}, "method must be one of auto, exact, monte-carlo"),
        ({"b": [0.5, 0.25, 1]}, "seed is needed"),
        ({"b": [0.5, 0.25, 1], "method": "exact"}, "the exact test needs two distinct values"),
        ({"a": range(9000), "b": range(9000), "method": "exact"}, "whole numbers that are few"),
        ({"b": [0, 2, 1e300], "method": "exact"}, "whole numbers that are few and small"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        unpaired_permutation(**({"a": [0, 1], "b": [1, 1]} | change))
