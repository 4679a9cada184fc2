"""DeLong's variance and tests: against R, against all pairs, and their invariances."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from analysis.stats import delong_auc, delong_covariance, delong_paired, delong_unpaired
from tests.stats.simulated import auc_by_pairs, reference, study
from tests.stats.test_roc import scored

quick = settings(deadline=None, max_examples=60, derandomize=True)

R_CASES = reference("roc_r.json")["roc"]
CASE_NAMES = [f"{case['score']}-{case['reader']}" for case in R_CASES]


def arms_of(case):
    first, second = (study()[case["reader"], treatment] for treatment in (1, 2))
    return first["truth"], first[case["score"]], second[case["score"]]


@pytest.mark.parametrize("case", R_CASES, ids=CASE_NAMES)
def test_auc_variance_and_interval_equal_r(case):
    truth, *scores = arms_of(case)
    for score, arm in zip(scores, case["arms"], strict=True):
        for level, limits in ((0.95, arm["ci95"]), (0.9, arm["ci90"])):
            found = delong_auc(truth=truth, score=score, level=level)
            assert found.auc == pytest.approx(arm["auc"], rel=1e-13)
            assert found.variance == pytest.approx(arm["var_delong"], rel=1e-12)
            assert [found.interval.low, found.interval.high] == pytest.approx(limits, rel=1e-12)
            assert (found.interval.level, found.n_positive, found.n_negative) == (level, 150, 218)


@pytest.mark.parametrize("case", R_CASES, ids=CASE_NAMES)
def test_the_paired_test_equals_r(case):
    truth, a, b = arms_of(case)
    found = delong_paired(truth=truth, score_a=a, score_b=b)
    assert found.statistic == pytest.approx(case["paired"]["statistic"], rel=1e-11)
    assert found.p_value == pytest.approx(case["paired"]["p_value"], rel=1e-10)
    limits = [found.interval.low, found.interval.high]
    assert limits == pytest.approx(case["paired"]["conf_int"], rel=1e-11)
    assert (found.method, found.df, found.n_patients) == ("DeLong, paired", None, 368)
    curves = delong_covariance(truth=truth, scores=[a, b])
    assert curves.covariance[0, 1] == pytest.approx(case["paired"]["cov"], rel=1e-12)


@quick
@given(scored(smallest=2), st.integers(1, 3), st.integers(0, 2**32))
def test_covariance_equals_that_of_all_pairs(case, n_curves, seed):
    """The definition: placements by trying every pair, then two sample covariances."""
    truth, score = case
    noise = np.random.default_rng(seed).integers(0, 3, (n_curves, truth.size))
    scores = score + noise
    a, b = scores[:, truth][:, :, None], scores[:, ~truth][:, None, :]
    wins = (a > b) + 0.5 * (a == b)
    m, n = truth.sum(), (~truth).sum()
    expected = np.cov(wins.mean(axis=2)) / m + np.cov(wins.mean(axis=1)) / n
    found = delong_covariance(truth=truth, scores=scores)
    assert found.covariance == pytest.approx(np.atleast_2d(expected), abs=1e-14)
    assert found.auc == pytest.approx([auc_by_pairs(truth, row) for row in scores], abs=1e-14)


@quick
@given(scored(smallest=2), st.integers(0, 2**32))
def test_the_paired_test_is_that_of_the_covariance_and_mirrors(case, seed):
    truth, a = case
    b = np.random.default_rng(seed).permutation(a)
    forth, back = (delong_paired(truth=truth, score_a=x, score_b=y) for x, y in ((a, b), (b, a)))
    covariance = delong_covariance(truth=truth, scores=[a, b]).covariance
    error = (forth.interval.high - forth.interval.low) / 2 / 1.959963984540054
    assert error**2 == pytest.approx(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert forth.difference == -back.difference
    assert forth.p_value == back.p_value
    assert forth.interval.low == pytest.approx(-back.interval.high)
    transformed = delong_paired(truth=truth, score_a=np.exp(a), score_b=3 * b - 1)
    assert transformed == forth


def test_a_score_against_itself():
    truth, a, _ = arms_of(R_CASES[0])
    found = delong_paired(truth=truth, score_a=a, score_b=10 * a)
    assert (found.difference, found.statistic, found.p_value) == (0, 0, 1)


def test_no_variance_and_yet_a_difference_gives_no_p_value():
    """One arm sorts all four patients, the other none: no placement varies."""
    found = delong_paired(truth=[0, 0, 1, 1], score_a=[1, 2, 3, 4], score_b=[5, 5, 5, 5])
    assert (found.difference, found.statistic, found.p_value) == (0.5, None, None)


def test_a_perfect_score_has_a_point_for_an_interval():
    found = delong_auc(truth=[0, 0, 1, 1], score=[1, 2, 3, 4])
    assert (found.auc, found.variance) == (1, 0)
    assert (found.interval.low, found.interval.high) == (1, 1)


def test_limits_are_cut_off_at_one():
    found = delong_auc(truth=[0, 0, 0, 1, 1, 1], score=[1, 2, 4, 3, 5, 6])
    assert found.interval.low < found.auc < found.interval.high == 1


def test_the_unpaired_test_is_welch_s():
    """Of two halves of the cases, with Satterthwaite's degrees of freedom written out."""
    truth, a, b = arms_of(R_CASES[0])
    one, two = slice(0, 368, 2), slice(1, 368, 3)
    found = delong_unpaired(
        truth_a=truth[one], score_a=a[one], truth_b=truth[two], score_b=b[two], level=0.9
    )
    first = delong_auc(truth=truth[one], score=a[one])
    second = delong_auc(truth=truth[two], score=b[two])
    n_a, n_b = truth[one].size, truth[two].size
    error = (first.variance + second.variance) ** 0.5
    df = error**4 / (first.variance**2 / (n_a - 1) + second.variance**2 / (n_b - 1))
    law = student(df)
    assert found.df == pytest.approx(df)
    assert found.difference == pytest.approx(first.auc - second.auc)
    assert found.p_value == pytest.approx(2 * law.sf(abs(found.difference) / error))
    assert found.interval.high == pytest.approx(found.difference + law.ppf(0.95) * error)
    assert (found.method, found.n_patients) == ("DeLong, unpaired", n_a + n_b)


def test_unpaired_groups_that_are_alike_or_perfect():
    truth, a, _ = arms_of(R_CASES[0])
    alike = delong_unpaired(truth_a=truth, score_a=a, truth_b=truth, score_b=a)
    assert (alike.difference, alike.p_value) == (0, 1)
    perfect = delong_unpaired(truth_a=truth, score_a=truth, truth_b=truth, score_b=truth)
    assert (perfect.statistic, perfect.df, perfect.p_value) == (0, None, 1)


def test_exchanging_unpaired_groups_mirrors_the_result():
    truth, a, b = arms_of(R_CASES[1])
    forth = delong_unpaired(truth_a=truth[:200], score_a=a[:200], truth_b=truth, score_b=b)
    back = delong_unpaired(truth_a=truth, score_a=b, truth_b=truth[:200], score_b=a[:200])
    assert back.difference == -forth.difference
    assert back.p_value == pytest.approx(forth.p_value, rel=1e-13)
    assert replace(back.interval, low=0, high=0) == replace(forth.interval, low=0, high=0)


def test_a_hundred_thousand_patients():
    """In one go; every pair would be 2.5e9 of them."""
    rng = np.random.default_rng(1)
    truth = np.arange(100_000) % 2
    score = rng.normal(truth, 1)
    found = delong_auc(truth=truth, score=score)
    assert found.interval.low < 0.76 < found.interval.high
    assert found.variance == pytest.approx(2.0e-6, rel=0.3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": [0, 1, 1, 1]}, "at least 2 positive and 2 negative"),
        ({"score_b": [1, 2, 3]}, "score_b has 3 patients, but score_a has 4"),
        ({"score_a": [1, 2, np.nan, 4]}, "score_a must not hold NaN"),
        ({"level": 1}, "level must be strictly between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    arguments = {"truth": [0, 1, 1, 0], "score_a": [1, 2, 3, 4], "score_b": [2, 1, 3, 4]}
    with pytest.raises(ValueError, match=message):
        delong_paired(**(arguments | change))


def test_bad_unpaired_groups_are_refused_by_name():
    good = {"truth_a": [0, 0, 1, 1], "score_a": [1, 2, 3, 4]}
    with pytest.raises(ValueError, match="truth_b has no positive patient"):
        delong_unpaired(**good, truth_b=[0, 0, 0], score_b=[1, 2, 3])
