"""Micro-averaged metrics: against a count by hand, a closed form, and their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.stats import (
    OneVsRestCounts,
    micro_metrics,
    micro_metrics_from_correct,
    one_vs_rest_counts,
)

quick = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def diagnoses(draw):
    """(truth, decision, n_classes), one to three readers."""
    n_classes = draw(st.integers(2, 6))
    n_readers, n_patients = draw(st.integers(1, 3)), draw(st.integers(1, 25))
    labels = st.integers(0, n_classes - 1)
    truth = draw(arrays(np.int64, n_patients, elements=labels))
    decision = draw(arrays(np.int64, (n_readers, n_patients), elements=labels))
    return truth, decision, n_classes


def counts_by_hand(truth, decision, n_classes):
    tally = dict(tp=0, fp=0, fn=0, tn=0)
    for reader in decision:
        for true_class, said in zip(truth, reader, strict=True):
            for k in range(n_classes):
                verdict = "t" if (true_class == k) == (said == k) else "f"
                tally[verdict + ("p" if said == k else "n")] += 1
    return OneVsRestCounts(**tally)


def test_worked_example():
    """Three of four right; the one error is a false negative of 3 and a false positive of 1."""
    truth, decision = [0, 1, 2, 3], [0, 1, 2, 1]
    assert one_vs_rest_counts(truth=truth, decision=decision) == OneVsRestCounts(
        tp=3, fp=1, fn=1, tn=11
    )
    metrics = micro_metrics(truth=truth, decision=decision)
    assert (metrics.n, metrics.correct) == (4, 3)
    assert metrics.sensitivity == 3 / 4
    assert metrics.specificity == 11 / 12
    assert metrics.accuracy == 14 / 16


@quick
@given(diagnoses())
def test_counts_equal_a_count_by_hand(case):
    truth, decision, n_classes = case
    counts = one_vs_rest_counts(truth=truth, decision=decision, n_classes=n_classes)
    assert counts == counts_by_hand(truth, decision, n_classes)


@quick
@given(diagnoses())
def test_closed_form_equals_the_cells(case):
    truth, decision, n_classes = case
    cells = micro_metrics(truth=truth, decision=decision, n_classes=n_classes)
    closed = micro_metrics_from_correct(
        correct=int(np.sum(decision == truth)), n=decision.size, n_classes=n_classes
    )
    assert (cells.n, cells.correct) == (closed.n, closed.correct)
    for metric in ("accuracy", "sensitivity", "specificity"):
        assert getattr(cells, metric) == pytest.approx(getattr(closed, metric), abs=1e-14)


@quick
@given(diagnoses(), st.randoms(use_true_random=False))
def test_relabelling_the_classes_changes_nothing(case, random):
    truth, decision, n_classes = case
    names = np.array(random.sample(range(n_classes), n_classes))
    before = micro_metrics(truth=truth, decision=decision, n_classes=n_classes)
    assert before == micro_metrics(
        truth=names[truth], decision=names[decision], n_classes=n_classes
    )


@quick
@given(diagnoses())
def test_a_group_is_its_readers_laid_end_to_end(case):
    truth, decision, n_classes = case
    group = micro_metrics(truth=truth, decision=decision, n_classes=n_classes)
    assert group == micro_metrics(
        truth=np.tile(truth, len(decision)), decision=decision.ravel(), n_classes=n_classes
    )


def test_two_classes_make_the_three_metrics_one():
    metrics = micro_metrics(truth=[0, 0, 1, 1, 1], decision=[0, 1, 1, 1, 0], n_classes=2)
    assert metrics.accuracy == metrics.sensitivity == metrics.specificity == 3 / 5


def test_closed_form_takes_an_array_of_counts():
    metrics = micro_metrics_from_correct(correct=[0, 30, 40], n=40)
    np.testing.assert_allclose(metrics.sensitivity, [0, 0.75, 1], atol=1e-15)
    np.testing.assert_allclose(metrics.specificity, [2 / 3, 11 / 12, 1], atol=1e-15)
    np.testing.assert_allclose(metrics.accuracy, [0.5, 0.875, 1], atol=1e-15)


def test_small_unsigned_labels_do_not_overflow():
    truth = np.tile(np.arange(4, dtype=np.uint8), 100)
    assert micro_metrics(truth=truth, decision=truth).correct == 400


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"truth": [], "decision": []}, "truth is empty"),
        ({"truth": [0, 4], "decision": [0, 1]}, r"truth must hold class indices in 0 \.\.\. 3"),
        ({"truth": [0, 1], "decision": [0, -1]}, "decision must hold class indices"),
        ({"truth": [0, 1], "decision": [0.0, 1.0]}, "decision must hold integer class indices"),
        ({"truth": [0, 1], "decision": ["a", "b"]}, "decision must hold integer class indices"),
        ({"truth": [0, 1], "decision": [0]}, "decision has 1 patients, but truth has 2"),
        ({"truth": [[0, 1]], "decision": [0, 1]}, r"truth must have shape \(n_patients,\), got"),
        ({"truth": [0, 1], "decision": [[[0, 1]]]}, "decision must have shape"),
        ({"truth": [0], "decision": [0], "n_classes": 1}, "n_classes must be at least 2"),
        ({"truth": [0], "decision": [0], "n_classes": 2.5}, "n_classes must be an integer"),
    ],
)
def test_bad_diagnoses_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        micro_metrics(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"correct": 5, "n": 4}, r"correct must be within 0 \.\.\. n, where n is 4"),
        ({"correct": -1, "n": 4}, "correct must be within"),
        ({"correct": [3, 5], "n": 4}, "correct must be within"),
        ({"correct": 2.0, "n": 4}, "correct must be an integer count"),
        ({"correct": 0, "n": 0}, "n must be at least 1"),
    ],
)
def test_bad_counts_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        micro_metrics_from_correct(**arguments)
