"""Findings: drawn as their likelihood says, and telling enough of the etiology but not all."""

import numpy as np
import pytest
from scipy.stats import rankdata, truncnorm

from readerstudy.demo.phantoms import (
    HABITS,
    HOSPITALS,
    MEASURES,
    Flow,
    Sign,
    log_likelihood,
    sample_findings,
)
from readerstudy.diagnosis import Etiology

EACH = 1500


@pytest.fixture(scope="module")
def drawn():
    """{etiology: findings}, as many of each etiology."""
    rng = np.random.default_rng(5)
    return {e: [sample_findings(etiology=e, rng=rng) for _ in range(EACH)] for e in Etiology}


@pytest.fixture(scope="module")
def likelihoods(drawn):
    """(4 * EACH, 4) log likelihoods, by true class."""
    return log_likelihood([findings for group in drawn.values() for findings in group])


TRUTH = np.repeat(np.arange(4), EACH)


def posterior(likelihoods, shares):
    scores = likelihoods + np.log(shares)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def auc(positive, score, weight):
    """Weighted area under the ROC curve; scores hardly ever tie."""
    order = np.argsort(score)
    positive, weight = positive[order], weight[order]
    below = np.cumsum(weight * ~positive)
    return (weight * positive * below).sum() / (weight * positive).sum() / below[-1]


def test_auc_here_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    score, positive = rng.normal(size=50), rng.random(50) < 0.4
    ranks = rankdata(score)[positive]
    pairs = (ranks.sum() - ranks.size * (ranks.size + 1) / 2) / (ranks.size * (50 - ranks.size))
    assert auc(positive, score, np.ones(50)) == pytest.approx(pairs)


def test_no_sign_is_certain_or_ruled_out_by_an_etiology():
    for habit in HABITS.values():
        assert len(habit["signs"]) == len(Sign)
        assert len(habit["flow"]) == len(Flow)
        assert sum(habit["flow"]) == pytest.approx(1)
        assert all(0 < rate < 1 for rate in habit["signs"] + habit["flow"])


@pytest.mark.parametrize("etiology", Etiology)
def test_findings_are_drawn_at_the_rates_and_within_the_limits_stated(drawn, etiology):
    habit, group = HABITS[etiology], drawn[etiology]
    signs = np.mean([[sign in findings.signs for sign in Sign] for findings in group], axis=0)
    flows = np.mean([[findings.flow is flow for flow in Flow] for findings in group], axis=0)
    assert signs == pytest.approx(habit["signs"], abs=0.05)
    assert flows == pytest.approx(habit["flow"], abs=0.05)
    for name, (low, high) in MEASURES.items():
        values = np.array([getattr(findings, name) for findings in group])
        assert values.min() >= low
        assert values.max() <= high
        assert np.median(values) == pytest.approx(habit[name][0], abs=0.25 * habit[name][1])


def test_the_likelihood_is_the_product_of_each_findings_own(drawn):
    findings = [group[at] for group in drawn.values() for at in range(3)]
    logs = log_likelihood(findings)
    for row, seen in zip(logs, findings, strict=True):
        for value, habit in zip(row, HABITS.values(), strict=True):
            density = habit["flow"][list(Flow).index(seen.flow)]
            for sign, rate in zip(Sign, habit["signs"], strict=True):
                density *= rate if sign in seen.signs else 1 - rate
            for name, limits in MEASURES.items():
                mean, spread = habit[name]
                cut = truncnorm(*(np.array(limits) - mean) / spread, loc=mean, scale=spread)
                density *= cut.pdf(getattr(seen, name))
            assert value == pytest.approx(np.log(density))


def test_the_likelihood_is_that_of_what_is_drawn(likelihoods):
    """Bayes's probabilities are then calibrated: of those called 70%, 70% are right."""
    chances = posterior(likelihoods, np.full(4, 0.25))
    assert chances.mean(axis=0) == pytest.approx([0.25] * 4, abs=0.01)
    called, best = chances.argmax(axis=1), chances.max(axis=1)
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 0.95)):
        some = (best > low) & (best <= high)
        right = np.mean(called[some] == TRUTH[some])
        assert right == pytest.approx(best[some].mean(), abs=0.06)


@pytest.mark.parametrize("hospital", HOSPITALS, ids=lambda hospital: hospital.name)
def test_a_perfect_reader_of_the_findings_is_often_but_not_always_right(likelihoods, hospital):
    """The ceiling, in each hospital's case mix. It leaves room for a network between 0.80 and 0.95.

    A picture shows less than the findings say, so no reader of pictures gets here.
    """
    shares = np.array(list(hospital.cases.values())) / sum(hospital.cases.values())
    weight = shares[TRUTH] / EACH
    chances = posterior(likelihoods, shares)
    right = chances.argmax(axis=1) == TRUTH
    assert 0.88 <= (weight * right).sum() <= 0.95
    for etiology in range(4):
        assert 0.6 < right[etiology == TRUTH].mean() < 0.98
    malignant = TRUTH >= 2
    assert 0.97 <= auc(malignant, chances[:, 2:].sum(axis=1), weight) <= 0.99
    for branch in (~malignant, malignant):
        low, high = np.unique(TRUTH[branch])
        ratio = likelihoods[branch, high] - likelihoods[branch, low]
        assert 0.97 <= auc(TRUTH[branch] == high, ratio, weight[branch]) < 0.998
    every = np.eye(4, dtype=bool)[TRUTH].ravel()
    assert 0.98 <= auc(every, chances.ravel(), np.repeat(weight, 4)) <= 0.995
