"""Readers' figures and their covariances over cases, against brute force on small studies."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings

from analysis.stats import reader_performance
from tests.stats.simulated_study import simulated, small_studies, study

quick = settings(deadline=None, max_examples=40, derandomize=True)

PROPORTIONS = ("accuracy", "sensitivity", "specificity")


def scores(truth, rating):
    """Of each positive against each negative case: 1 above, 1/2 tied, 0 below."""
    positive, negative = rating[truth == 1], rating[truth == 0]
    return np.array([[(p > q) + (p == q) / 2 for q in negative] for p in positive])


def delong_by_hand(first, second):
    rows = np.cov(first.mean(axis=1), second.mean(axis=1))[0, 1] / first.shape[0]
    columns = np.cov(first.mean(axis=0), second.mean(axis=0))[0, 1] / first.shape[1]
    return rows + columns


def jackknife_by_hand(first, second):
    """Leave out each case in turn, positive or negative."""
    left_out = [
        [np.delete(one, k, axis=axis).mean() for one in (first, second)]
        for axis in (0, 1)
        for k in range(first.shape[axis])
    ]
    n = len(left_out)
    deviations = np.array(left_out) - [first.mean(), second.mean()]
    return (n - 1) / n * (deviations[:, 0] @ deviations[:, 1])


def unbiased_by_hand(first, second):
    """Product of the means, less the mean product over pairs that share no case."""
    m, n = first.shape
    apart = [
        first[i, j] * second[other_i, other_j]
        for i, j, other_i, other_j in product(range(m), range(n), range(m), range(n))
        if i != other_i and j != other_j
    ]
    return first.mean() * second.mean() - np.mean(apart)


BY_HAND = {
    "delong": delong_by_hand,
    "jackknife": jackknife_by_hand,
    "unbiased": unbiased_by_hand,
}


@pytest.mark.parametrize("method", BY_HAND)
@quick
@given(case=small_studies())
def test_areas_and_covariances_equal_brute_force(method, case):
    truth, ratings = case
    figures = reader_performance(truth=truth, ratings=ratings, covariance=method)
    tables = {place: scores(truth, ratings[place]) for place in np.ndindex(ratings.shape[:2])}
    assert figures.n_cases == truth.size
    for place, table in tables.items():
        assert figures.estimates[place] == pytest.approx(table.mean(), abs=1e-14)
        for other, other_table in tables.items():
            assert figures.covariance[place + other] == pytest.approx(
                BY_HAND[method](table, other_table), abs=1e-14
            )


@pytest.mark.parametrize("metric", PROPORTIONS)
@quick
@given(case=small_studies(decisions=True))
def test_proportions_and_covariances_equal_brute_force(metric, case):
    truth, decisions = case
    looked_at = {
        "accuracy": np.ones(truth.size, dtype=bool),
        "sensitivity": truth == 1,
        "specificity": truth == 0,
    }[metric]
    right = (decisions == truth)[..., looked_at]
    figures = reader_performance(truth=truth, ratings=decisions, metric=metric)
    assert figures.estimates == pytest.approx(right.mean(axis=-1))
    assert figures.n_cases == looked_at.sum()
    flat = right.reshape(-1, looked_at.sum())
    expected = np.cov(flat) / looked_at.sum()
    assert figures.covariance.reshape(expected.shape) == pytest.approx(expected, abs=1e-15)


def test_the_unbiased_covariance_is_right_on_average():
    """Every sample of 2 + 2 cases from a small population, drawn with replacement."""
    positive = np.array([[3, 1, 4], [2, 2, 5]])
    negative = np.array([[1, 3, 2], [2, 0, 4]])
    truth = [1, 1, 0, 0]
    areas, estimates = [], []
    for drawn in product(range(3), repeat=4):
        ratings = np.hstack([positive[:, drawn[:2]], negative[:, drawn[2:]]])[np.newaxis]
        figures = reader_performance(truth=truth, ratings=ratings, covariance="unbiased")
        areas.append(figures.estimates.ravel())
        estimates.append(figures.covariance.reshape(2, 2))
    assert np.mean(estimates, axis=0) == pytest.approx(np.cov(np.transpose(areas), ddof=0))


def test_accuracy_takes_any_number_of_classes():
    truth, ratings = [0, 1, 2, 3], [[[0, 1, 2, 0], [0, 1, 0, 0]], [[0, 1, 2, 3], [3, 1, 2, 0]]]
    figures = reader_performance(truth=truth, ratings=ratings, metric="accuracy")
    assert figures.estimates.tolist() == [[0.75, 0.5], [1, 0.5]]


@pytest.mark.parametrize("metric", PROPORTIONS)
def test_copies_of_the_cases_look_like_more_evidence(metric):
    """k copies of n cases: the covariance over cases shrinks by (n - 1) / (k n - 1)."""
    truth, ratings = simulated()
    decisions = ratings > 0.5
    once = reader_performance(truth=truth, ratings=decisions, metric=metric)
    again = reader_performance(
        truth=np.tile(truth, 3), ratings=np.tile(decisions, 3), metric=metric
    )
    n = once.n_cases
    assert again.estimates == pytest.approx(once.estimates)
    assert again.covariance == pytest.approx(once.covariance * (n - 1) / (3 * n - 1))


def test_every_pair_of_curves_has_its_covariance():
    truth, ratings = study("score")
    covariance = reader_performance(truth=truth, ratings=ratings).covariance
    for first, second in combinations(np.ndindex(2, 6), 2):
        assert covariance[first + second] == covariance[second + first]
