"""MRMC: symmetries, bounds, studies without variation, and what is refused."""

from itertools import product
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, norm

from analysis.stats import mrmc
from tests.stats.simulated_study import simulated, small_studies, study

quick = settings(deadline=None, max_examples=40, derandomize=True)

RANDOM, FIXED_READERS, FIXED_CASES = (
    "random-readers-random-cases",
    "fixed-readers",
    "fixed-cases",
)
DESIGNS = (RANDOM, FIXED_READERS, FIXED_CASES)
COVARIANCES = ("delong", "jackknife", "unbiased")
METRICS = ("auc", "accuracy", "sensitivity", "specificity")


@quick
@given(small_studies(), st.sampled_from(COVARIANCES), st.sampled_from(DESIGNS))
def test_only_the_order_of_the_ratings_counts(case, covariance, design):
    truth, ratings = case
    arguments = {"truth": truth, "covariance": covariance, "design": design}
    plain = mrmc(ratings=ratings, **arguments)
    stretched = mrmc(ratings=np.exp(3.0 * ratings) - 50, **arguments)
    assert stretched.test == plain.test
    assert stretched.modalities == plain.modalities
    assert stretched.differences == plain.differences
    assert stretched.reader_differences == plain.reader_differences


def assert_same_rows(rows, expected, names):
    for row, wanted in zip(rows, expected, strict=True):
        for name in names:
            value = getattr(wanted, name)
            if value is None:
                assert getattr(row, name) is None
            else:
                assert getattr(row, name) == pytest.approx(value, rel=1e-9, abs=1e-13)


INTERVAL = ("std_error", "df", "low", "high")


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("metric", METRICS)
def test_exchanging_the_modalities_turns_the_differences_round(metric, covariance, design):
    truth, ratings = simulated()
    arguments = {"truth": truth, "metric": metric, "covariance": covariance, "design": design}
    if metric != "auc":
        ratings = ratings > 0.5
    forth = mrmc(ratings=ratings, **arguments)
    back = mrmc(ratings=ratings[::-1], **arguments)
    assert_same_rows(back.modalities[::-1], forth.modalities, ("estimate", *INTERVAL))
    assert back.test.p_value == pytest.approx(forth.test.p_value, rel=1e-9)
    pairs = zip(
        (*forth.differences, *forth.reader_differences),
        (*back.differences, *back.reader_differences),
        strict=True,
    )
    for one, other in pairs:
        assert other.difference == pytest.approx(-one.difference, abs=1e-15)
        if one.low is not None:
            assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-12)
        if one.p_value is not None:
            assert other.p_value == pytest.approx(one.p_value, rel=1e-9)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_the_order_of_readers_and_cases_is_nothing(covariance, design):
    truth, ratings = simulated(n_modalities=3)
    arguments = {"covariance": covariance, "design": design}
    plain = mrmc(truth=truth, ratings=ratings, **arguments)
    rng = np.random.default_rng(2)
    readers, cases = rng.permutation(4), rng.permutation(60)
    moved = mrmc(truth=truth[cases], ratings=ratings[:, readers][..., cases], **arguments)
    assert_same_rows(moved.modalities, plain.modalities, ("estimate", *INTERVAL))
    assert_same_rows(
        moved.differences, plain.differences, ("difference", *INTERVAL, "statistic", "p_value")
    )
    assert moved.test.p_value == pytest.approx(plain.test.p_value, rel=1e-9)
    home = {(row.modality, row.reader): row for row in plain.readers}
    for row in moved.readers:
        same = home[row.modality, readers[row.reader]]
        assert_same_rows([row], [same], ("estimate", *INTERVAL))


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_turning_truth_and_ratings_round_keeps_the_area(covariance):
    truth, ratings = simulated()
    plain = mrmc(truth=truth, ratings=ratings, covariance=covariance)
    turned = mrmc(truth=1 - truth, ratings=-ratings, covariance=covariance)
    assert_same_rows(turned.differences, plain.differences, ("difference", *INTERVAL, "p_value"))


def test_copies_of_the_cases_change_nothing_on_fixed_cases():
    truth, ratings = simulated()
    once = mrmc(truth=truth, ratings=ratings, design=FIXED_CASES)
    again = mrmc(truth=np.tile(truth, 2), ratings=np.tile(ratings, 2), design=FIXED_CASES)
    assert_same_rows(again.differences, once.differences, ("difference", *INTERVAL, "p_value"))


@pytest.mark.parametrize("design", DESIGNS)
def test_with_two_modalities_the_tests_are_one(design):
    truth, ratings = simulated()
    result = mrmc(truth=truth, ratings=ratings, design=design)
    (row,) = result.differences
    assert result.test.statistic == pytest.approx(row.statistic**2)
    assert result.test.p_value == pytest.approx(row.p_value, rel=1e-9)


@pytest.mark.parametrize("design", DESIGNS)
def test_three_modalities_have_three_differences_and_one_test(design):
    truth, ratings = simulated(n_modalities=3)
    result = mrmc(truth=truth, ratings=ratings, design=design)
    assert [(row.first, row.second) for row in result.differences] == [(0, 1), (0, 2), (1, 2)]
    means = [row.estimate for row in result.modalities]
    for row in result.differences:
        assert row.difference == pytest.approx(means[row.first] - means[row.second], abs=1e-15)
        assert row.std_error == result.differences[0].std_error
    squares = sum(row.statistic**2 for row in result.differences) / 3
    expected = 2 * squares if design == FIXED_READERS else squares
    assert result.test.statistic == pytest.approx(expected)
    assert result.test.df1 == 2


def test_small_p_keeps_its_relative_accuracy():
    """1 - cdf would give 0 or noise here."""
    truth, ratings = simulated(n_readers=3, n_cases=2000)
    ratings[1] = ratings[1] + 3 * truth
    result = mrmc(truth=truth, ratings=ratings, design=FIXED_READERS)
    assert 0 < result.test.p_value < 1e-100
    z = result.differences[0].statistic
    assert result.test.p_value == pytest.approx(2 * norm.sf(abs(z)), rel=1e-6, abs=0)


def bounded_study():
    """A study whose readers share more over modalities than within one: Cov2 < Cov3."""
    rng = np.random.default_rng(12)
    truth = np.arange(80) % 2
    across, noise = rng.normal(size=(2, 80)), rng.normal(size=(2, 2, 80))
    crossed = np.array([[across[0], across[1]], [across[1], across[0]]])
    return truth, 0.5 * truth + crossed + noise


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_a_negative_covariance_between_readers_is_taken_as_0_and_said(covariance):
    """MRMCaov keeps (R - 1)(Cov2 - Cov3) for fixed readers; its value follows by the formula."""
    truth, ratings = bounded_study()
    fixed = mrmc(truth=truth, ratings=ratings, covariance=covariance, design=FIXED_READERS)
    parts = fixed.components
    assert parts.cov2 < parts.cov3
    assert fixed.differences[0].truncated
    error = parts.error - parts.cov1
    assert fixed.differences[0].variance == pytest.approx(error)
    assert fixed.test.statistic == pytest.approx(fixed.mean_squares.modality / error)
    unbounded = error + parts.cov2 - parts.cov3
    sign = np.array([1, -1])
    exact = np.einsum("i,j,irjs->", sign, sign, fixed.performance.covariance) / 4
    assert exact == pytest.approx(unbounded)
    assert unbounded < error

    both = mrmc(truth=truth, ratings=ratings, covariance=covariance, design=RANDOM)
    assert both.differences[0].truncated
    assert both.differences[0].df == pytest.approx(1)
    assert both.differences[0].variance == pytest.approx(both.mean_squares.modality_reader)


def test_a_negative_unbiased_variance_is_reported_without_a_test():
    truth = [1, 1, 0, 0]
    ratings = [[[2, 3, 1, 2], [1, 3, 3, 2]], [[2, 3, 1, 1], [1, 3, 2, 1]]]
    result = mrmc(truth=truth, ratings=ratings, covariance="unbiased", design=FIXED_READERS)
    (row,) = result.differences
    assert row.variance == pytest.approx(result.components.error - result.components.cov1)
    assert row.variance == pytest.approx(-0.01171875)
    assert (row.std_error, row.low, row.high, row.statistic, row.p_value) == (None,) * 5
    assert (result.test.statistic, result.test.p_value) == (None, None)
    first, second = result.reader_differences
    assert first.variance == pytest.approx(0.015625)
    assert first.p_value is not None
    assert second.variance == pytest.approx(-0.0625)
    assert (second.std_error, second.p_value) == (None, None)


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("design", DESIGNS)
def test_equal_modalities_have_no_test(covariance, design):
    truth, ratings = simulated()
    ratings[1] = ratings[0]
    result = mrmc(truth=truth, ratings=ratings, covariance=covariance, design=design)
    (row,) = result.differences
    assert (row.difference, row.variance, row.std_error) == (0, 0, 0)
    assert (row.low, row.high) == (0, 0)
    assert (row.statistic, row.p_value, result.test.p_value) == (None, None, None)


def test_readers_who_gain_alike_leave_the_cases_alone_to_chance():
    """No interaction: infinite degrees of freedom, and F is chi-squared."""
    truth = np.arange(40) % 2
    rng = np.random.default_rng(5)
    modality = np.array([1.0, 2.0])[:, None, None] * truth + rng.normal(size=(2, 1, 40))
    result = mrmc(truth=truth, ratings=np.repeat(modality, 3, axis=1))
    assert result.test.df2 == inf
    assert result.test.p_value == pytest.approx(chi2.sf(result.test.statistic, 1))
    assert result.differences[0].df == inf
    assert result.differences[0].p_value == pytest.approx(result.test.p_value)


def test_on_fixed_cases_one_reader_has_no_error():
    truth, ratings = simulated()
    result = mrmc(truth=truth, ratings=ratings, design=FIXED_CASES)
    assert result.performance.covariance is None
    for row in (*result.readers, *result.reader_differences):
        assert (row.variance, row.std_error, row.df, row.low, row.high) == (None,) * 5


@pytest.mark.parametrize("design", DESIGNS)
def test_a_higher_level_widens_every_interval(design):
    truth, ratings = simulated()
    narrow = mrmc(truth=truth, ratings=ratings, design=design, level=0.8)
    wide = mrmc(truth=truth, ratings=ratings, design=design, level=0.99)
    for one, other in zip(
        (*narrow.modalities, *narrow.differences),
        (*wide.modalities, *wide.differences),
        strict=True,
    ):
        assert other.low < one.low < one.high < other.high


def test_the_method_says_what_was_done():
    truth, ratings = study("rating")
    methods = {
        mrmc(truth=truth, ratings=ratings, design=design, covariance=covariance).method
        for design, covariance in product(DESIGNS, COVARIANCES)
    }
    assert len(methods) == 7
    assert "Obuchowski-Rockette, fixed readers, random cases, DeLong covariance" in methods
    assert "Obuchowski-Rockette, random readers, fixed cases" in methods
    decisions = mrmc(truth=truth, ratings=ratings > 2, metric="sensitivity")
    assert decisions.method.endswith("Hillis's degrees of freedom, sample covariance")


def without(place):
    ratings = np.ones((2, 2, 6))
    ratings[place] = np.nan
    return ratings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": [0, 1, 0, 1, 0]}, r"truth must have shape \(n_cases,\) = \(6,\), got \(5,\)"),
        ({"truth": [0, 1, 0, 2, 0, 1]}, "truth must hold 0 and 1 only"),
        ({"truth": [0, 1, 0, None, 0, 1]}, "truth is missing for case 3"),
        ({"truth": [0, 0, 0, 0, 0, 1]}, "2 positive and 2 negative cases for auc, got 1 and 5"),
        ({"ratings": np.ones((2, 6))}, r"ratings must have shape \(n_modalities, n_readers"),
        ({"ratings": np.ones((1, 2, 6))}, "2 modalities and 2 readers, got 1 and 2"),
        ({"ratings": np.ones((2, 1, 6))}, "2 modalities and 2 readers, got 2 and 1"),
        ({"ratings": without((1, 0, 4))}, "1 missing, the first for modality 1, reader 0, case 4"),
        ({"ratings": [[[1, 2], [1]]]}, "ratings must be a full array of numbers"),
        ({"metric": "sensitivity", "ratings": np.full((2, 2, 6), 3)}, "ratings must hold 0 and 1"),
        ({"metric": "accuracy", "ratings": np.full((2, 2, 6), 0.5)}, "integer class indices"),
        (
            {"metric": "sensitivity", "truth": [1, 0, 0, 0, 0, 0]},
            "at least 2 cases for sensitivity to look at, got 1",
        ),
        ({"metric": "youden"}, "metric must be one of auc, accuracy, sensitivity, specificity"),
        ({"covariance": "bootstrap"}, "covariance must be one of delong, jackknife, unbiased"),
        ({"design": "rrrc"}, "design must be one of random-readers-random-cases, fixed-readers"),
        ({"level": 1}, "level must be strictly between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    arguments = {"truth": [0, 1, 0, 1, 0, 1], "ratings": np.ones((2, 2, 6))}
    with pytest.raises(ValueError, match=message):
        mrmc(**(arguments | change))
