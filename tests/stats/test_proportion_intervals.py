"""Intervals of proportions: against R, printed examples, definitions and invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm

from analysis.stats import (
    independent_difference,
    mcnemar,
    paired_difference,
    paired_difference_of,
    proportion,
)
from tests.stats.simulated import reference, study

quick = settings(deadline=None, max_examples=60, derandomize=True)

R = reference("proportions_r.json")
counts = st.integers(0, 60)


@st.composite
def pairs(draw):
    names = ("both", "only_a", "only_b", "neither")
    found = {name: draw(counts) for name in names}
    found["both"] += sum(found.values()) == 0
    return found


def limits(result):
    return [result.interval.low, result.interval.high]


@pytest.mark.parametrize("method", ["wilson", "clopper-pearson"])
@pytest.mark.parametrize("case", R["binomial"], ids=lambda case: f"{case['x']}-{case['n']}")
def test_one_proportion_equals_r(case, method):
    """R's lower Wilson limit of none is 2e-17; ours is 0."""
    found = proportion(count=case["x"], n=case["n"], method=method)
    assert limits(found) == pytest.approx(case[method.replace("-", "_")], rel=1e-12, abs=1e-16)
    assert (found.estimate, found.count, found.n) == (case["x"] / case["n"], case["x"], case["n"])
    assert (found.interval.method, found.interval.level) == (method, 0.95)
    assert found.interval.resamples is None


@quick
@given(st.integers(1, 60), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_limits_are_where_their_tests_turn(n, data, level):
    """Wilson: the score test's z; Clopper-Pearson: either binomial tail at (1 - level) / 2."""
    count = data.draw(st.integers(0, n))
    wilson = limits(proportion(count=count, n=n, level=level))
    exact = limits(proportion(count=count, n=n, level=level, method="clopper-pearson"))
    for p in wilson:
        if 0 < p < 1:
            z = (count / n - p) / np.sqrt(p * (1 - p) / n)
            assert abs(z) == pytest.approx(norm.ppf((1 + level) / 2))
    tail = (1 - level) / 2
    assert exact[0] == 0 if count == 0 else binom.sf(count - 1, n, exact[0]) == pytest.approx(tail)
    assert exact[1] == 1 if count == n else binom.cdf(count, n, exact[1]) == pytest.approx(tail)
    assert 0 <= wilson[0] <= count / n <= wilson[1] <= 1


@pytest.mark.parametrize("case", R["paired"], ids=lambda c: f"{c['only_a']}-{c['only_b']}")
def test_tango_equals_r(case):
    """R's is of b - a."""
    table = {name: case[name] for name in ("both", "only_a", "only_b", "neither")}
    found = paired_difference(**table)
    assert limits(found) == pytest.approx([-x for x in reversed(case["tango"])], rel=1e-12)
    n = sum(table.values())
    assert (found.n_a, found.n_b) == (n, n)
    assert found.estimate == (case["only_a"] - case["only_b"]) / n
    assert found.estimate == pytest.approx(found.proportion_a - found.proportion_b)


@pytest.mark.parametrize("case", R["diagnostic"], ids=lambda case: f"reader {case['reader']}")
def test_a_reader_s_sensitivity_and_specificity_equal_r(case):
    """DTComPair solves Tango's equation by steps, to 1e-6; its McNemar tests are exact."""
    first, second = (study()[case["reader"], treatment] for treatment in (1, 2))
    for name, positive in (("sensitivity", 1), ("specificity", 0)):
        chosen = first["truth"] == positive
        right = [arm["binary"][chosen] == positive for arm in (second, first)]
        found = paired_difference_of(correct_a=right[0], correct_b=right[1])
        assert found.proportion_a == pytest.approx(case["test2"][name])
        assert found.proportion_b == pytest.approx(case["test1"][name])
        assert limits(found) == pytest.approx(case["tango"][name], abs=1e-6)
        pairs = dict(b=int(np.sum(right[0] & ~right[1])), c=int(np.sum(~right[0] & right[1])))
        assert mcnemar(**pairs).p_value == pytest.approx(case["exact_mcnemar"][name], rel=1e-12)
        chi2 = mcnemar(**pairs, method="chi2")
        assert chi2.statistic == pytest.approx(case["chi2_mcnemar"][name]["statistic"], rel=1e-12)
        # DTComPair takes p from 1 - cdf, which loses digits where p is small.
        assert chi2.p_value == pytest.approx(case["chi2_mcnemar"][name]["p_value"], abs=1e-14)


def log_likelihood(only_a, only_b, rest, q, d):
    """Of the discordant shares q + d and q, and the rest; 0 log 0 is 0."""
    terms = zip((only_a, only_b, rest), (q + d, q, 1 - 2 * q - d), strict=True)
    return sum(k * np.log(max(p, 1e-300)) for k, p in terms if k)


@quick
@given(pairs(), st.sampled_from([0.8, 0.95]))
def test_tango_s_limits_are_where_the_score_test_turns(table, level):
    """The nuisance share is found by maximising the likelihood, not by its quadratic."""
    found = paired_difference(**table, level=level)
    n = sum(table.values())
    a, b = table["only_a"], table["only_b"]
    z = norm.ppf((1 + level) / 2)
    for d in limits(found):
        if abs(d) > 0.999:
            continue
        q = minimize_scalar(
            lambda q, d=d: -log_likelihood(a, b, n - a - b, q, d),
            bounds=(max(0, -d), (1 - d) / 2),
            method="bounded",
            options={"xatol": 1e-12},
        ).x
        score = (a - b - n * d) / np.sqrt(n * (2 * q + d * (1 - d)))
        assert abs(score) == pytest.approx(z, rel=2e-4)


@quick
@given(pairs())
def test_tango_leaves_out_0_just_where_mcnemar_is_significant(table):
    """Both rest on the same score statistic at a difference of 0."""
    low, high = limits(paired_difference(**table))
    p_value = mcnemar(b=table["only_a"], c=table["only_b"], method="chi2").p_value
    assert (low > 0 or high < 0) == (p_value < 0.05)


@pytest.mark.parametrize(
    ("table", "printed"),
    [
        # Newcombe, Statistics in Medicine 1998, 17:2635.
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        # Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables (2017).
        ((59, 6, 16, 80), (-0.1186, -0.0046)),
    ],
)
def test_newcombe_s_paired_interval_as_printed(table, printed):
    names = ("both", "only_a", "only_b", "neither")
    found = paired_difference(**dict(zip(names, table, strict=True)), method="newcombe")
    assert limits(found) == pytest.approx(printed, abs=5e-5)
    assert found.interval.method == "newcombe"


def test_newcombe_s_independent_interval_as_printed():
    """7 of 34 and 1 of 34, in Fagerland, Lydersen & Laake (2017)."""
    found = independent_difference(count_a=7, n_a=34, count_b=1, n_b=34)
    assert limits(found) == pytest.approx((0.0189, 0.3404), abs=5e-5)
    assert found.estimate == pytest.approx(6 / 34, rel=1e-15)
    assert (found.n_a, found.n_b, found.interval.method) == (34, 34, "newcombe")


@quick
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_newcombe_puts_two_wilson_intervals_together(n_a, n_b, data):
    x_a, x_b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
    found = independent_difference(count_a=x_a, n_a=n_a, count_b=x_b, n_b=n_b, level=0.9)
    a, b = (proportion(count=x, n=n, level=0.9) for x, n in ((x_a, n_a), (x_b, n_b)))
    low = found.estimate - np.hypot(a.estimate - a.interval.low, b.interval.high - b.estimate)
    high = found.estimate + np.hypot(a.interval.high - a.estimate, b.estimate - b.interval.low)
    assert limits(found) == pytest.approx([low, high], abs=1e-13)


@quick
@given(pairs(), st.sampled_from(["tango", "newcombe"]))
def test_invariances_of_a_paired_difference(table, method):
    found = paired_difference(**table, method=method)
    low, high = limits(found)
    assert -1 <= low <= found.estimate <= high <= 1
    swapped = table | {"only_a": table["only_b"], "only_b": table["only_a"]}
    mirrored = paired_difference(**swapped, method=method)
    assert limits(mirrored) == pytest.approx([-high, -low], abs=1e-12)
    # Wrong for right: what one arm alone got right, the other alone got wrong.
    inverted = dict(zip(table, reversed(table.values()), strict=True))
    counted = paired_difference(**inverted, method=method)
    assert limits(counted) == pytest.approx([-high, -low], abs=1e-12)
    doubled = paired_difference(**{k: 2 * v for k, v in table.items()}, method=method)
    assert doubled.interval.high - doubled.interval.low <= high - low + 1e-12


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (proportion, {"count": 3, "n": 2}, "count must be at most 2, got 3"),
        (proportion, {"count": 0, "n": 0}, "n must be at least 1"),
        (proportion, {"count": 0.5, "n": 2}, "count must be an integer"),
        (proportion, {"count": 1, "n": 2, "method": "wald"}, "method must be one of wilson"),
        (proportion, {"count": 1, "n": 2, "level": 95}, "level must be strictly between"),
        (
            independent_difference,
            {"count_a": 1, "n_a": 2, "count_b": 4, "n_b": 3},
            "count_b must be at most 3",
        ),
        (
            paired_difference,
            {"both": 0, "only_a": 0, "only_b": 0, "neither": 0},
            "no pairs",
        ),
        (
            paired_difference,
            {"both": 1, "only_a": -1, "only_b": 0, "neither": 0},
            "only_a must be at least 0",
        ),
        (
            paired_difference,
            {"both": 1, "only_a": 1, "only_b": 0, "neither": 0, "method": "wald"},
            "method must be one of tango, newcombe",
        ),
        (
            paired_difference_of,
            {"correct_a": [0, 1], "correct_b": [1]},
            "correct_b has 1 patients, but correct_a has 2",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**arguments)
