"""Metrics, ROC curves and AUCs against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from analysis.stats import (
    auc_statistic,
    class_metrics,
    confusion_matrix,
    macro_metrics,
    one_vs_rest_auc_statistics,
    one_vs_rest_roc,
    resample_counts,
    roc_curve,
)
from tests.stats.simulated import four_classes, study

SHAPES = [(40, 1, 0, 4), (368, 2, 1, 4), (368, 3, 9, 4), (50, 4, 1, 7)]


@pytest.mark.parametrize(("n_patients", "seed", "decimals", "n_classes"), SHAPES)
def test_one_vs_rest_aucs(n_patients, seed, decimals, n_classes):
    truth, score = four_classes(n_patients, seed, decimals, n_classes)
    found = one_vs_rest_roc(truth=truth, score=score)
    one_hot = np.eye(n_classes, dtype=int)[truth]
    for average, value in (("micro", found.micro.auc), ("macro", found.macro_auc)):
        expected = sklearn.roc_auc_score(one_hot, score, average=average)
        assert value == pytest.approx(expected, abs=1e-13)
    per_class = [curve.auc for curve in found.per_class]
    assert per_class == pytest.approx(sklearn.roc_auc_score(one_hot, score, average=None))


@pytest.mark.parametrize("reader", [1, 6])
@pytest.mark.parametrize("score", ["rating", "score"])
def test_curve(reader, score):
    data = study()[reader, 2]
    found = roc_curve(truth=data["truth"], score=data[score])
    false_rate, true_rate, thresholds = sklearn.roc_curve(
        data["truth"], data[score], drop_intermediate=False
    )
    assert found.false_positive_rate == pytest.approx(false_rate)
    assert found.true_positive_rate == pytest.approx(true_rate)
    assert found.threshold.tolist() == thresholds.tolist()


def test_weights_are_sample_weights():
    data = study()[1, 1]
    weights = np.random.default_rng(1).random((3, 368))
    found = auc_statistic(truth=data["truth"], score=data["rating"])(weights)
    for row, value in zip(weights, found, strict=True):
        expected = sklearn.roc_auc_score(data["truth"], data["rating"], sample_weight=row)
        assert value == pytest.approx(expected)


def test_resampled_micro_auc():
    truth, score = four_classes(100, decimals=2)
    (counts,) = resample_counts(n_patients=100, resamples=25, seed=2)
    found = one_vs_rest_auc_statistics(truth=truth, score=score).micro(counts)
    for row, value in zip(counts, found, strict=True):
        chosen = np.repeat(np.arange(100), row)
        one_hot = np.eye(4, dtype=int)[truth[chosen]]
        expected = sklearn.roc_auc_score(one_hot, score[chosen], average="micro")
        assert value == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_decisions(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(4, size=120)
    decision = np.where(rng.random(120) < 0.6, truth, rng.integers(4, size=120))
    arguments = dict(truth=truth, decision=decision)
    expected = sklearn.confusion_matrix(truth, decision)
    assert confusion_matrix(**arguments).tolist() == expected.tolist()
    macro = macro_metrics(**arguments)
    balanced = sklearn.balanced_accuracy_score(truth, decision)
    assert macro.balanced_accuracy == pytest.approx(balanced)
    precision, recall, _, _ = sklearn.precision_recall_fscore_support(truth, decision)
    per_class = class_metrics(**arguments)
    assert [found.ppv for found in per_class] == pytest.approx(precision)
    assert [found.sensitivity for found in per_class] == pytest.approx(recall)
    assert macro.ppv == pytest.approx(np.mean(precision))
