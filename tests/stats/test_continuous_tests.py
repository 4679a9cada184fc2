"""Tests of groups and of pairs: against R, full enumeration, and each other."""

import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.oneway import anova_oneway

from analysis.stats import (
    anova,
    chi_squared,
    fisher_exact,
    kruskal_wallis,
    mann_whitney,
    paired_t,
    smallest_expected,
    t_test,
    wilcoxon_signed_rank,
)

quick = settings(deadline=None, max_examples=50, derandomize=True)

R = json.loads((Path(__file__).parents[1] / "data" / "stats" / "comparisons_r.json").read_text())
METHODS = ("exact", "normal-corrected", "normal")

grades = st.lists(st.integers(0, 4), min_size=2, max_size=6)


def assert_equals_r(result, expected):
    assert result.statistic == pytest.approx(expected["statistic"], rel=1e-10)
    assert result.p_value == pytest.approx(expected["p_value"], rel=1e-9)
    if "parameter" in expected:
        assert result.df == pytest.approx((expected["parameter"],), rel=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_mann_whitney_equals_r(method):
    case = R["two_sample"]
    result = mann_whitney(first=case["x"], second=case["y"], method=method)
    assert_equals_r(result, case[method])
    assert result.n == (10, 5)


@pytest.mark.parametrize("method", METHODS)
def test_signed_rank_equals_r(method):
    case = R["paired"]
    result = wilcoxon_signed_rank(first=case["x"], second=case["y"], method=method)
    assert_equals_r(result, case[method])
    assert result.n == (9,)


@pytest.mark.parametrize(
    ("function", "kind"), [(mann_whitney, "rank_sum"), (wilcoxon_signed_rank, "signed_rank")]
)
def test_with_ties_equals_r(function, kind):
    case = R["tied"]
    expected = case[kind]
    for method in ("normal-corrected", "normal"):
        result = function(first=case["x"], second=case["y"], method=method)
        assert_equals_r(result, expected[method])
    exact = function(first=case["x"], second=case["y"], method="exact").p_value
    assert exact == pytest.approx(expected["exact"], rel=1e-12)
    assert exact == pytest.approx(expected["exact_exactRankTests"], rel=1e-12)


def test_auto_is_exact_without_ties_and_normal_with_them():
    """R does the same, with a warning."""
    plain, tied = R["two_sample"], R["tied"]
    assert mann_whitney(first=plain["x"], second=plain["y"]).method == "Mann-Whitney U, exact"
    with_ties = mann_whitney(first=tied["x"], second=tied["y"])
    assert with_ties.method == ("Mann-Whitney U, normal approximation with continuity correction")
    rng = np.random.default_rng(1)
    few, many = rng.normal(size=(2, 49)), rng.normal(size=(2, 50))
    for function in (mann_whitney, wilcoxon_signed_rank):
        assert function(first=few[0], second=few[1]).method.endswith(", exact")
        assert "normal" in function(first=many[0], second=many[1]).method
    few[0, 0] = few[1, 0]
    assert "normal" in wilcoxon_signed_rank(first=few[0], second=few[1]).method


@pytest.mark.parametrize(("equal", "name"), [(True, "student"), (False, "welch")])
def test_t_equals_r(equal, name):
    case = R["two_sample"]
    result = t_test(first=case["x"], second=case["y"], equal_variances=equal)
    assert_equals_r(result, case[name])


def test_t_of_ties_equals_r():
    case = R["tied"]
    assert_equals_r(t_test(first=case["x"], second=case["y"], equal_variances=False), case["welch"])
    assert_equals_r(paired_t(first=case["x"], second=case["y"]), case["paired_t"])


def test_paired_t_equals_r():
    case = R["paired"]
    assert_equals_r(paired_t(first=case["x"], second=case["y"]), case["paired_t"])


def test_kruskal_wallis_equals_r():
    result = kruskal_wallis(groups=R["kruskal"]["groups"])
    assert_equals_r(result, R["kruskal"])
    assert result.n == (5, 4, 5)


@pytest.mark.parametrize("equal", [True, False])
def test_anova_equals_statsmodels(equal):
    groups = R["kruskal"]["groups"]
    result = anova(groups=groups, equal_variances=equal)
    expected = anova_oneway(groups, use_var="equal" if equal else "unequal")
    assert result.statistic == pytest.approx(expected.statistic)
    assert result.p_value == pytest.approx(expected.pvalue)
    assert result.df == pytest.approx((expected.df_num, expected.df_denom))


@pytest.mark.parametrize("equal", [True, False])
def test_anova_of_two_groups_is_the_t_test(equal):
    first, second = R["two_sample"]["x"], R["two_sample"]["y"]
    one = anova(groups=[first, second], equal_variances=equal)
    other = t_test(first=first, second=second, equal_variances=equal)
    assert one.statistic == pytest.approx(other.statistic**2)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.df[1] == pytest.approx(other.df[0])


@quick
@given(grades, grades)
def test_exact_mann_whitney_equals_every_deal(first, second):
    both = first + second
    if len(set(both)) == 1:
        return
    ranks = stats.rankdata(both)
    sums = [sum(ranks[list(hand)]) for hand in combinations(range(len(both)), len(first))]
    observed = ranks[: len(first)].sum()
    tails = np.mean(np.array(sums) <= observed), np.mean(np.array(sums) >= observed)
    result = mann_whitney(first=first, second=second, method="exact")
    assert result.p_value == pytest.approx(min(1, 2 * min(tails)), rel=1e-12)


@quick
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9))
def test_exact_signed_rank_equals_every_sign(pairs):
    first, second = np.array(pairs).T
    moved = (first - second)[first != second]
    result = wilcoxon_signed_rank(first=first, second=second, method="exact")
    assert result.n == (moved.size,)
    if moved.size == 0:
        assert (result.statistic, result.p_value) == (None, None)
        return
    ranks = stats.rankdata(np.abs(moved))
    sums = np.array(list(product((0, 1), repeat=moved.size))) @ ranks
    observed = ranks[moved > 0].sum()
    assert result.statistic == observed
    tails = np.mean(sums <= observed), np.mean(sums >= observed)
    assert result.p_value == pytest.approx(min(1, 2 * min(tails)), rel=1e-12)


@pytest.mark.parametrize("size", [40, 100])
def test_exact_without_ties_equals_scipy(size):
    rng = np.random.default_rng(size)
    first, second = rng.normal(1.1, 1, size), rng.normal(0, 1, size)
    ours = mann_whitney(first=first, second=second, method="exact").p_value
    assert ours == pytest.approx(
        stats.mannwhitneyu(first, second, method="exact").pvalue, rel=1e-9, abs=0
    )
    ours = wilcoxon_signed_rank(first=first, second=second, method="exact").p_value
    assert ours == pytest.approx(
        stats.wilcoxon(first, second, method="exact").pvalue, rel=1e-9, abs=0
    )
    assert ours < 1e-5


@quick
@given(grades, grades, st.sampled_from(METHODS))
def test_exchanging_the_groups_keeps_the_p_value(first, second, method):
    forth = mann_whitney(first=first, second=second, method=method)
    back = mann_whitney(first=second, second=first, method=method)
    if forth.p_value is None:
        assert back.p_value is None
    else:
        assert back.p_value == pytest.approx(forth.p_value, rel=1e-12)
        assert back.statistic == len(first) * len(second) - forth.statistic


@quick
@given(grades, grades, st.sampled_from(METHODS))
def test_only_the_order_of_values_counts(first, second, method):
    plain = mann_whitney(first=first, second=second, method=method)
    stretched = mann_whitney(first=np.exp(first), second=np.exp(second), method=method)
    assert stretched == plain


@pytest.mark.parametrize("case", R["tables"], ids=lambda case: case["name"])
def test_tables_equal_r(case):
    table = case["table"]
    assert_equals_r(chi_squared(table=table), case["chi-squared"])
    assert smallest_expected(table=table) == pytest.approx(case["smallest_expected"])
    if "chi-squared-corrected" in case:
        assert_equals_r(chi_squared(table=table, correct=True), case["chi-squared-corrected"])
    result = fisher_exact(table=table)
    if len(table) == 2:
        assert result.p_value == pytest.approx(case["fisher"], rel=1e-9)
        assert (result.method, result.p_error) == ("Fisher's exact", None)
    else:
        assert abs(result.p_value - case["fisher"]) < 3 * result.p_error < 0.006
        assert result.method == "Fisher's exact, simulated"


def test_a_category_that_nobody_is_in_changes_nothing():
    table, wider = [[8, 4, 1], [5, 7, 3]], [[8, 0, 4, 1], [5, 0, 7, 3]]
    assert chi_squared(table=wider) == chi_squared(table=table)
    assert fisher_exact(table=wider, seed=3) == fisher_exact(table=table, seed=3)


def test_the_seed_settles_the_simulation():
    table = [[8, 4, 1], [5, 7, 3]]
    once, again, other = (fisher_exact(table=table, seed=seed).p_value for seed in (1, 1, 2))
    assert once == again != other


@pytest.mark.parametrize("transpose", [False, True])
def test_the_order_of_groups_and_categories_is_nothing(transpose):
    table = np.array([[12, 3], [5, 14]])
    moved = table[::-1, ::-1].T if transpose else table[::-1]
    for correct in (False, True):
        plain = chi_squared(table=table, correct=correct)
        turned = chi_squared(table=moved, correct=correct)
        assert turned.statistic == pytest.approx(plain.statistic)
    assert fisher_exact(table=moved).p_value == pytest.approx(fisher_exact(table=table).p_value)


@pytest.mark.parametrize(
    "result",
    [
        mann_whitney(first=[2, 2], second=[2, 2, 2]),
        kruskal_wallis(groups=[[2, 2], [2], [2]]),
        t_test(first=[2, 2], second=[3, 3]),
        anova(groups=[[2, 2], [3, 3], [4, 4]]),
        anova(groups=[[2, 2], [3, 4], [4, 5]], equal_variances=False),
        wilcoxon_signed_rank(first=[1, 2], second=[1, 2]),
        paired_t(first=[1, 2], second=[2, 3]),
        chi_squared(table=[[3, 0], [5, 0]]),
        fisher_exact(table=[[3], [5]]),
    ],
    ids=lambda result: result.method,
)
def test_without_variation_there_is_no_test(result):
    assert (result.statistic, result.p_value) == (None, None)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (mann_whitney, {"first": [], "second": [1]}, "first must have shape"),
        (mann_whitney, {"first": [1], "second": [np.nan]}, "second must hold finite numbers"),
        (mann_whitney, {"first": [1], "second": [2], "method": "asymptotic"}, "method must be"),
        (
            mann_whitney,
            {"first": range(150), "second": range(150), "method": "exact"},
            "method exact takes at most 200 values, got 300: use normal-corrected",
        ),
        (wilcoxon_signed_rank, {"first": [1, 2], "second": [1]}, "second has 1 values, but first"),
        (t_test, {"first": [1], "second": [1, 2]}, "first must have shape .* at least 2"),
        (anova, {"groups": [[1, 2], [1]]}, r"groups\[1\] must have shape"),
        (kruskal_wallis, {"groups": [[1, 2]]}, "groups must hold at least 2 groups, got 1"),
        (chi_squared, {"table": [[1, 2]]}, "table must have shape"),
        (chi_squared, {"table": [[1, 2], [0, 0]]}, "table has nobody in row 1"),
        (chi_squared, {"table": [[1, 2], [3, -1]]}, "table must hold counts"),
        (chi_squared, {"table": [[1.5, 2], [3, 1]]}, "table must hold counts"),
        (
            chi_squared,
            {"table": [[1, 2, 3], [3, 1, 2]], "correct": True},
            "correct is for 2 groups and 2 categories",
        ),
        (fisher_exact, {"table": [[1, 2], [3, 1]], "resamples": 0}, "resamples must be at least 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**arguments)
