"""ROC curves and AUCs: against R, against every pair of patients, and their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.stats import one_vs_rest_roc, roc_curve
from tests.stats.simulated import auc_by_pairs, four_classes, reference, study

quick = settings(deadline=None, max_examples=60, derandomize=True)

R_CASES = reference("roc_r.json")["roc"]


@st.composite
def scored(draw, smallest=1):
    """(truth, score): some positive, some negative, many ties."""
    n_positive, n_negative = draw(st.integers(smallest, 12)), draw(st.integers(smallest, 12))
    truth = np.arange(n_positive + n_negative) < n_positive
    order = draw(st.permutations(range(truth.size)))
    score = draw(arrays(np.int64, truth.size, elements=st.integers(0, 6)))
    return truth[order], score / 2


@pytest.mark.parametrize("case", R_CASES, ids=lambda case: f"{case['score']}-{case['reader']}")
def test_equals_r(case):
    for arm in case["arms"]:
        data = study()[case["reader"], int(arm["treatment"])]
        curve = roc_curve(truth=data["truth"], score=data[case["score"]])
        assert curve.auc == pytest.approx(arm["auc"], rel=1e-14)
        assert (curve.n_positive, curve.n_negative, curve.n_patients) == (150, 218, 368)
        if "sens" in arm:
            assert curve.true_positive_rate[::-1] == pytest.approx(arm["sens"], abs=1e-15)
            assert 1 - curve.false_positive_rate[::-1] == pytest.approx(arm["spec"], abs=1e-15)


def test_worked_example():
    """Two positives, three negatives, one tie: 4.5 of 6 pairs in the right order."""
    curve = roc_curve(truth=[1, 0, 1, 0, 0], score=[0.9, 0.8, 0.5, 0.5, 0.1])
    assert curve.threshold.tolist() == [np.inf, 0.9, 0.8, 0.5, 0.1]
    assert curve.true_positive_rate.tolist() == [0, 0.5, 0.5, 1, 1]
    assert curve.false_positive_rate == pytest.approx([0, 0, 1 / 3, 2 / 3, 1])
    assert curve.auc == 4.5 / 6


@quick
@given(scored())
def test_auc_counts_the_pairs_and_is_the_area_under_the_points(case):
    truth, score = case
    curve = roc_curve(truth=truth, score=score)
    assert curve.auc == pytest.approx(auc_by_pairs(truth, score), abs=1e-14)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert curve.auc == pytest.approx(area, abs=1e-14)


@quick
@given(scored())
def test_every_point_is_its_threshold_s_rates(case):
    truth, score = case
    curve = roc_curve(truth=truth, score=score)
    assert sorted(set(score), reverse=True) == curve.threshold[1:].tolist()
    points = zip(curve.threshold, curve.true_positive_rate, curve.false_positive_rate, strict=True)
    for threshold, true_rate, false_rate in points:
        called = score >= threshold
        assert true_rate == pytest.approx(called[truth].mean())
        assert false_rate == pytest.approx(called[~truth].mean())


@quick
@given(scored(), st.integers(2, 4))
def test_invariances(case, copies):
    """Rising transforms and copies keep the AUC; falling ones and the other class mirror it."""
    truth, score = case
    auc = roc_curve(truth=truth, score=score).auc
    assert roc_curve(truth=truth, score=np.exp(score)).auc == auc
    copied = roc_curve(truth=np.tile(truth, copies), score=np.tile(score, copies))
    assert copied.auc == pytest.approx(auc, abs=1e-15)
    assert roc_curve(truth=truth, score=-score).auc == pytest.approx(1 - auc, abs=1e-15)
    assert roc_curve(truth=~truth, score=score).auc == pytest.approx(1 - auc, abs=1e-15)


def test_infinite_scores_rank():
    curve = roc_curve(truth=[0, 1, 0, 1], score=[-np.inf, 0.2, 0.3, np.inf])
    assert curve.auc == 0.75


def test_one_vs_rest_counts_the_pairs():
    truth, score = four_classes()
    found = one_vs_rest_roc(truth=truth, score=score)
    one_hot = np.eye(4, dtype=bool)[truth]
    assert found.micro.auc == pytest.approx(auc_by_pairs(one_hot, score), abs=1e-14)
    assert (found.micro.n_positive, found.micro.n_negative, found.n_patients) == (60, 180, 60)
    by_pairs = [auc_by_pairs(truth == k, score[:, k]) for k in range(4)]
    assert [curve.auc for curve in found.per_class] == pytest.approx(by_pairs, abs=1e-14)
    assert found.macro_auc == pytest.approx(np.mean(by_pairs), abs=1e-14)


def test_relabelling_the_classes_relabels_the_curves():
    truth, score = four_classes()
    names = np.array([2, 0, 3, 1])
    before = one_vs_rest_roc(truth=truth, score=score)
    after = one_vs_rest_roc(truth=names[truth], score=score[:, np.argsort(names)])
    assert after.micro.auc == before.micro.auc
    assert after.macro_auc == pytest.approx(before.macro_auc, abs=1e-15)
    assert [after.per_class[k].auc for k in names] == [c.auc for c in before.per_class]


def test_a_class_that_nobody_has():
    truth, score = four_classes()
    found = one_vs_rest_roc(truth=truth[truth != 2], score=score[truth != 2])
    assert found.per_class[2] is None
    assert found.macro_auc is None
    assert 0 < found.micro.auc < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": []}, "truth is empty"),
        ({"truth": [1, 1, 1]}, "truth has no negative patient"),
        ({"truth": [0, 0, 0]}, "truth has no positive patient"),
        ({"truth": [0, 1, 2]}, "truth must hold booleans or 0 and 1"),
        ({"score": [1, 2]}, "score has 2 patients, but truth has 3"),
        ({"score": [1, np.nan, 2]}, "score must not hold NaN"),
        ({"score": ["a", "b", "c"]}, "score must hold numbers"),
        ({"score": [[1, 2, 3]]}, r"score must have shape \(n_patients,\), got"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        roc_curve(**({"truth": [0, 1, 1], "score": [0.1, 0.5, 0.6]} | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": [0, 2]}, "truth must hold class indices in 0 ... 1"),
        ({"truth": [0, 1, 1]}, "score has 2 patients, but truth has 3"),
        ({"score": [0.1, 0.2]}, r"score must have shape \(n_patients, n_classes\)"),
        ({"score": [[0.1, np.nan], [0.2, 0.3]]}, "score must not hold NaN"),
        ({"score": np.zeros((0, 4))}, "score is empty"),
    ],
)
def test_bad_one_vs_rest_arguments_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        one_vs_rest_roc(**({"truth": [0, 1], "score": [[0.1, 0.9], [0.2, 0.8]]} | change))
