"""Benefit by experience: against R, all pairings, and the least-squares formula."""

import json
from itertools import permutations
from math import atanh, sqrt, tanh
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.stats import benefit_by_experience

quick = settings(deadline=None, max_examples=30, derandomize=True)

R = json.loads((Path(__file__).parents[1] / "data" / "stats" / "comparisons_r.json").read_text())
YEARS = [20, 14, 9, 8, 5, 3]
CHANGE = [0.01, 0.04, 0.03, 0.08, 0.11, 0.09]
METHODS = ("spearman", "kendall", "regression")


def concordance(years, change):
    """Pairs in the same order less pairs in the opposite one."""
    return sum(
        np.sign(years[i] - years[j]) * np.sign(change[i] - change[j])
        for i in range(len(years))
        for j in range(i)
    )


def p_by_all_pairings(years, change, method):
    if method == "spearman":
        years, change = 2 * stats.rankdata(years), 2 * stats.rankdata(change)

        def statistic(one, other):
            return sum(a * b for a, b in zip(one, other, strict=True))
    else:
        statistic = concordance
    observed = statistic(years, change)
    found = np.array([statistic(years, order) for order in permutations(change)])
    return min(1, 2 * min(np.mean(found <= observed), np.mean(found >= observed)))


@pytest.mark.parametrize("method", ["spearman", "kendall"])
@pytest.mark.parametrize("case", ["paired", "tied"])
def test_correlation_equals_r(case, method):
    """R has no exact p-value with ties; its large-sample one is ours above 9 readers."""
    data = R[case]
    result = benefit_by_experience(years=data["x"], change=data["y"], method=method)
    assert result.estimate == pytest.approx(data[method]["estimate"], rel=1e-12)
    if case == "tied":
        assert result.n_readers == 12
        assert result.method.endswith("large-sample p")
        assert result.p_value == pytest.approx(data[method]["p_value"], rel=1e-9)


@quick
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=6),
    st.sampled_from(["spearman", "kendall"]),
)
def test_exact_p_equals_all_pairings(pairs, method):
    years, change = map(list, zip(*pairs, strict=True))
    result = benefit_by_experience(years=years, change=change, method=method)
    if len(set(years)) == 1 or len(set(change)) == 1:
        assert (result.estimate, result.p_value) == (None, None)
    else:
        expected = p_by_all_pairings(years, change, method)
        assert result.p_value == pytest.approx(expected, rel=1e-12)
        assert result.method.endswith("exact p")


def test_kendall_without_ties_equals_scipys_exact():
    rng = np.random.default_rng(4)
    years, change = rng.permutation(9), rng.normal(size=9)
    result = benefit_by_experience(years=years, change=change, method="kendall")
    expected = stats.kendalltau(years, change, method="exact")
    assert result.estimate == pytest.approx(expected.statistic)
    assert result.p_value == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("method", ["spearman", "kendall"])
def test_six_readers_in_perfect_order(method):
    result = benefit_by_experience(years=YEARS, change=[1, 2, 3, 4, 5, 6], method=method)
    assert result.estimate == pytest.approx(-1)
    assert result.p_value == pytest.approx(2 / 720)
    assert (result.low, result.high) == (None, None)


def test_limits_of_spearman():
    result = benefit_by_experience(years=YEARS, change=CHANGE)
    rho = result.estimate
    assert rho == pytest.approx(-31 / 35)
    reach = stats.norm.ppf(0.975) * sqrt((1 + rho**2 / 2) / 3)
    assert result.low == pytest.approx(tanh(atanh(rho) - reach))
    assert result.high == pytest.approx(tanh(atanh(rho) + reach))
    assert -1 < result.low < rho < result.high < 1


def test_limits_of_kendall():
    result = benefit_by_experience(years=YEARS, change=CHANGE, method="kendall")
    reach = stats.norm.ppf(0.975) * sqrt(0.437 / 2)
    assert result.estimate == pytest.approx(-11 / 15)
    assert result.high == pytest.approx(tanh(atanh(-11 / 15) + reach))


def test_too_few_readers_have_no_limits():
    for method, few in (("spearman", 3), ("kendall", 4)):
        result = benefit_by_experience(years=YEARS[:few], change=[1, 3, 2, 4][:few], method=method)
        assert (result.low, result.high) == (None, None)
        assert result.p_value is not None


def test_regression_equals_the_normal_equations():
    result = benefit_by_experience(years=YEARS, change=CHANGE, method="regression")
    design = np.column_stack([np.ones(6), YEARS])
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ CHANGE
    variance = np.sum((CHANGE - design @ fitted) ** 2) / 4 * inverse[1, 1]
    reach = stats.t.ppf(0.975, 4) * sqrt(variance)
    assert result.estimate == pytest.approx(fitted[1])
    assert (result.low, result.high) == pytest.approx((fitted[1] - reach, fitted[1] + reach))
    expected = 2 * stats.t.sf(abs(fitted[1]) / sqrt(variance), 4)
    assert result.p_value == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS)
def test_turning_the_change_round_turns_the_trend_round(method):
    forth = benefit_by_experience(years=YEARS, change=CHANGE, method=method)
    back = benefit_by_experience(years=YEARS, change=np.negative(CHANGE), method=method)
    assert back.estimate == pytest.approx(-forth.estimate)
    assert back.p_value == pytest.approx(forth.p_value)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low))


@pytest.mark.parametrize("method", ["spearman", "kendall"])
def test_only_the_order_counts_for_ranks(method):
    plain = benefit_by_experience(years=YEARS, change=CHANGE, method=method)
    logs = benefit_by_experience(years=np.log(YEARS), change=CHANGE, method=method)
    assert logs == plain


@pytest.mark.parametrize("method", METHODS)
def test_readers_of_one_age_show_no_trend(method):
    result = benefit_by_experience(years=[5] * 6, change=CHANGE, method=method)
    assert (result.estimate, result.low, result.p_value) == (None, None, None)
    assert result.n_readers == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"years": YEARS[:2]}, r"years must have shape \(n_readers,\), 3 or more, got \(2,\)"),
        ({"years": YEARS[:5]}, "change has 6 readers, but years has 5"),
        ({"change": [*CHANGE[:5], None]}, "change must hold a finite number for each reader"),
        ({"method": "pearson"}, "method must be one of spearman, kendall, regression"),
        ({"level": 1.5}, "level must be strictly between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        benefit_by_experience(**({"years": YEARS, "change": CHANGE} | change))
