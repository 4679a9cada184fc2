"""Evaluation against counting by hand: pairs, cells, resamples, pixels."""

from itertools import product

import numpy as np
import pytest

from inference.clahdm.evaluation import (
    CLAHDM_ROW,
    auc,
    auc_statistic,
    branch_and_positives,
    calibration,
    decisions,
    evaluate,
    gated_probabilities,
    heatmap_attention,
)
from inference.clahdm.hierarchical_probabilities import HierarchicalProbabilities
from readerstudy.diagnosis import Etiology


def counted_auc(positive, score) -> float:
    ups = [s for s, p in zip(score, positive, strict=True) if p]
    downs = [s for s, p in zip(score, positive, strict=True) if not p]
    return np.mean([(up > down) + 0.5 * (up == down) for up, down in product(ups, downs)])


@pytest.fixture
def cohort():
    """60 patients whose probabilities have to do with the truth, with ties."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 60)
    signal = np.stack([truth >= 2, truth == 1, truth == 3], axis=1)
    return truth, np.round(np.clip(0.3 + 0.3 * signal + rng.normal(0, 0.25, (60, 3)), 0, 1), 1)


@pytest.mark.parametrize("seed", range(5))
def test_auc_counts_pairs_with_ties(seed):
    rng = np.random.default_rng(seed)
    positive, score = rng.random(40) < 0.3, rng.integers(0, 8, 40) / 8
    assert auc(positive, score) == pytest.approx(counted_auc(positive, score), abs=1e-12)

    assert np.isnan(auc(np.ones(3, dtype=bool), np.zeros(3)))


def test_weighted_auc_is_that_of_the_resampled_patients(cohort):
    truth, probabilities = cohort
    gated = gated_probabilities(probabilities, threshold=0.5)
    is_class = truth[:, None] == np.arange(4)
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, 60, (20, 60))
    weights = np.stack([np.bincount(each, minlength=60) for each in drawn]).astype(float)
    found = auc_statistic(is_class, gated)(weights)
    for value, rows in zip(found, drawn, strict=True):
        expected = counted_auc(is_class[rows].ravel(), gated[rows].ravel())
        assert value == pytest.approx(expected, abs=1e-12)


def test_gate_and_decisions_are_the_hierarchys():
    grid = np.array(list(product((0.0, 0.3, 0.5, 0.7, 1.0), repeat=3)))
    for threshold in (0.0, 0.3, 0.5, 1.0):
        gated = gated_probabilities(grid, threshold=threshold)
        for row, numbers, decision in zip(gated, grid, decisions(gated), strict=True):
            case = HierarchicalProbabilities(*numbers, threshold=threshold)
            assert tuple(row) == pytest.approx(case.gated())
            assert list(Etiology)[decision] is case.etiology


def test_sub_models_are_judged_on_the_true_members_of_their_branch(cohort):
    truth, probabilities = cohort
    found = evaluate(truth=truth, probabilities=probabilities, threshold=0.4, resamples=10)
    branches = [range(4), (0, 1), (2, 3)]
    positives = [(2, 3), (1,), (3,)]
    assert [row.model for row in found.rows] == ["malignancy", "benign", "malignant", CLAHDM_ROW]
    for column, (row, branch, classes) in enumerate(
        zip(found.rows[:3], branches, positives, strict=True)
    ):
        members = np.isin(truth, branch)
        positive, score = np.isin(truth, classes)[members], probabilities[members, column]
        said = score >= (0.4 if column == 0 else 0.5)
        assert row.n == members.sum()
        assert row.auc.value == pytest.approx(counted_auc(positive, score))
        assert row.accuracy.value == pytest.approx(np.mean(said == positive))
        assert row.sensitivity.value == pytest.approx(said[positive].mean())
        assert row.specificity.value == pytest.approx((~said)[~positive].mean())


def test_clahdm_is_judged_on_one_vs_rest_cells(cohort):
    truth, probabilities = cohort
    found = evaluate(truth=truth, probabilities=probabilities, resamples=10)
    row = found.rows[-1]
    gated = gated_probabilities(probabilities, threshold=0.5)
    is_class, said = (each[:, None] == np.arange(4) for each in (truth, decisions(gated)))
    assert row.auc.value == pytest.approx(counted_auc(is_class.ravel(), gated.ravel()))
    assert row.accuracy.value == pytest.approx(np.mean(said == is_class))
    assert row.sensitivity.value == pytest.approx(said[is_class].mean())
    assert row.specificity.value == pytest.approx((~said)[~is_class].mean())
    for index, etiology in enumerate(Etiology):
        expected = counted_auc(truth == index, gated[:, index])
        assert found.etiologies[etiology].value == pytest.approx(expected)


def test_intervals_hold_the_estimate_narrow_with_n_and_repeat_by_seed(cohort):
    truth, probabilities = cohort
    once, again = (evaluate(truth=truth, probabilities=probabilities, seed=3) for _ in range(2))
    assert once == again
    many = evaluate(truth=np.tile(truth, 9), probabilities=np.tile(probabilities, (9, 1)))
    for few_row, many_row in zip(once.rows, many.rows, strict=True):
        for metric in ("auc", "accuracy", "sensitivity", "specificity"):
            few, more = getattr(few_row, metric), getattr(many_row, metric)
            assert 0 <= few.low <= few.value <= few.high <= 1
            assert few.value == pytest.approx(more.value)
            assert (more.high - more.low) < 0.5 * (few.high - few.low)


def test_interval_of_a_share_is_near_the_binomial_one():
    """Accuracy of sub-model 1, 200 patients, 160 right: normal limits to 0.01."""
    truth = np.r_[np.zeros(100, int), np.full(100, 3)]
    p = np.r_[np.full(80, 0.1), np.full(20, 0.9), np.full(80, 0.9), np.full(20, 0.1)]
    found = evaluate(truth=truth, probabilities=np.stack([p, p, p], axis=1), resamples=4000)
    accuracy = found.rows[0].accuracy
    assert (accuracy.low, accuracy.high) == pytest.approx((0.745, 0.855), abs=0.01)


def test_a_branch_without_patients_has_no_row():
    found = evaluate(truth=[2, 3, 3], probabilities=np.full((3, 3), 0.6), resamples=10)
    assert [row.model for row in found.rows] == ["malignancy", "malignant", CLAHDM_ROW]
    assert np.isnan(found.rows[0].auc.value)
    assert np.isnan(found.etiologies[Etiology.REACTIVE].value)


def test_calibration_by_hand():
    score = np.array([0.05, 0.05, 0.95, 1.0, 0.1])
    found = calibration("benign", np.array([0, 1, 1, 1, 0], dtype=bool), score)
    assert found.counts == (2, 1, 0, 0, 0, 0, 0, 0, 0, 2)
    assert found.mean_probability[0] == pytest.approx(0.05)
    assert found.share_positive[0] == pytest.approx(0.5)
    assert found.mean_probability[5] is None
    assert found.brier == pytest.approx(np.mean([0.05**2, 0.95**2, 0.05**2, 0, 0.1**2]))
    assert found.expected_calibration_error == pytest.approx((0.9 + 0.1 + 0.05) / 5)


def test_calibrated_probabilities_have_no_error_to_speak_of():
    rng = np.random.default_rng(0)
    score = rng.random(20_000)
    found = calibration("benign", rng.random(20_000) < score, score)
    assert found.expected_calibration_error < 0.02
    assert found.brier == pytest.approx(1 / 6, abs=0.01)


def test_heatmap_attention_by_hand():
    heatmap = np.array([[3, 1], [0, 0]], dtype=np.uint8)
    mask = np.zeros((40, 60), dtype=bool)
    mask[:20, :30] = True
    found = heatmap_attention(heatmap, mask)
    assert found.inside == pytest.approx(0.75)
    assert found.chance == pytest.approx(0.25)
    flat = heatmap_attention(np.ones((7, 7)), mask)
    assert flat.inside == pytest.approx(flat.chance)
    assert heatmap_attention(np.zeros((7, 7)), mask) is None
    with pytest.raises(ValueError, match="empty"):
        heatmap_attention(heatmap, ~np.ones((4, 4), dtype=bool))


def test_members(cohort):
    truth, _ = cohort
    for name, branch, positive in (("benign", (0, 1), 1), ("malignant", (2, 3), 3)):
        members, positives = branch_and_positives(name, truth)
        assert np.array_equal(members, np.isin(truth, branch))
        assert np.array_equal(positives, truth == positive)


@pytest.mark.parametrize(
    "wrong",
    [
        {"truth": []},
        {"truth": [0, 4]},
        {"truth": [0.0, 1.0]},
        {"probabilities": np.zeros((2, 4))},
        {"probabilities": [[0.1, np.nan, 0.1]] * 2},
        {"threshold": 2},
        {"level": 1.0},
    ],
)
def test_refuses_what_is_no_cohort(wrong):
    fine = {"truth": [0, 1], "probabilities": np.full((2, 3), 0.5)}
    with pytest.raises(ValueError, match=r"expected|must"):
        evaluate(**fine | wrong)
