"""Confusion matrix and per-class metrics: against a count by hand, R and their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.stats import (
    binary_metrics,
    class_metrics,
    confusion_matrix,
    macro_metrics,
    micro_metrics,
    one_vs_rest_counts,
    to_level_1,
)
from tests.stats.simulated import reference, study

quick = settings(deadline=None, max_examples=60, derandomize=True)

NAMES = ("sensitivity", "specificity", "accuracy", "ppv", "npv")


@st.composite
def diagnoses(draw):
    """(truth, decision, n_classes), one to three readers."""
    n_classes = draw(st.integers(2, 5))
    n_readers, n_patients = draw(st.integers(1, 3)), draw(st.integers(1, 25))
    labels = st.integers(0, n_classes - 1)
    truth = draw(arrays(np.int8, n_patients, elements=labels))
    decision = draw(arrays(np.int8, (n_readers, n_patients), elements=labels))
    return truth, decision, n_classes


def test_worked_example():
    """Class 1 is missed once and found once too often; nobody has or says class 3."""
    truth, decision = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]
    assert confusion_matrix(truth=truth, decision=decision).tolist() == [
        [2, 1, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 0],
    ]
    per_class = class_metrics(truth=truth, decision=decision)
    one = per_class[1]
    assert (one.n, one.tp, one.fp, one.fn, one.tn) == (6, 1, 1, 1, 3)
    assert (one.sensitivity, one.specificity, one.accuracy) == (1 / 2, 3 / 4, 4 / 6)
    assert (one.ppv, one.npv) == (1 / 2, 3 / 4)
    assert (per_class[3].sensitivity, per_class[3].ppv, per_class[3].specificity) == (None, None, 1)
    macro = macro_metrics(truth=truth, decision=decision)
    assert (macro.n, macro.n_classes) == (6, 4)
    assert (macro.sensitivity, macro.balanced_accuracy, macro.ppv) == (None, None, None)
    assert macro.accuracy == pytest.approx((4 / 6 + 4 / 6 + 1 + 1) / 4)
    three = macro_metrics(truth=truth, decision=decision, n_classes=3)
    assert three.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


@quick
@given(diagnoses())
def test_the_matrix_equals_a_count_by_hand(case):
    truth, decision, n_classes = case
    tally = np.zeros((n_classes, n_classes), dtype=int)
    for reader in decision:
        for true_class, said in zip(truth, reader, strict=True):
            tally[true_class, said] += 1
    found = confusion_matrix(truth=truth, decision=decision, n_classes=n_classes)
    assert found.tolist() == tally.tolist()


@quick
@given(diagnoses())
def test_the_classes_cells_add_up_to_the_micro_average(case):
    truth, decision, n_classes = case
    per_class = class_metrics(truth=truth, decision=decision, n_classes=n_classes)
    cells = one_vs_rest_counts(truth=truth, decision=decision, n_classes=n_classes)
    for name in ("tp", "fp", "fn", "tn"):
        assert sum(getattr(metrics, name) for metrics in per_class) == getattr(cells, name)
    micro = micro_metrics(truth=truth, decision=decision, n_classes=n_classes)
    macro = macro_metrics(truth=truth, decision=decision, n_classes=n_classes)
    assert macro.accuracy == pytest.approx(micro.accuracy)


@quick
@given(diagnoses(), st.randoms(use_true_random=False))
def test_relabelling_the_classes_relabels_the_metrics(case, random):
    truth, decision, n_classes = case
    names = np.array(random.sample(range(n_classes), n_classes))
    before = class_metrics(truth=truth, decision=decision, n_classes=n_classes)
    after = class_metrics(truth=names[truth], decision=names[decision], n_classes=n_classes)
    assert [after[name] for name in names] == list(before)


@quick
@given(diagnoses(), st.integers(2, 4))
def test_copies_of_the_patients_leave_every_ratio_alone(case, copies):
    truth, decision, n_classes = case
    arguments = dict(truth=truth, decision=decision, n_classes=n_classes)
    copied = dict(
        truth=np.tile(truth, copies), decision=np.tile(decision, copies), n_classes=n_classes
    )
    for once, again in zip(class_metrics(**arguments), class_metrics(**copied), strict=True):
        assert [getattr(once, name) for name in NAMES] == [getattr(again, name) for name in NAMES]
        assert again.n == copies * once.n


@quick
@given(diagnoses())
def test_two_classes_seen_from_the_other_side(case):
    truth, decision, _ = case
    truth, decision = truth % 2, decision % 2
    yes = binary_metrics(truth=truth, decision=decision)
    no = binary_metrics(truth=1 - truth, decision=1 - decision)
    assert (yes.sensitivity, yes.specificity) == (no.specificity, no.sensitivity)
    assert (yes.ppv, yes.npv, yes.accuracy) == (no.npv, no.ppv, no.accuracy)


@pytest.mark.parametrize("case", reference("proportions_r.json")["diagnostic"])
def test_binary_metrics_equal_r(case):
    for treatment in (1, 2):
        arm = study()[case["reader"], treatment]
        found = binary_metrics(truth=arm["truth"] == 1, decision=arm["binary"] == 1)
        for name, value in case[f"test{treatment}"].items():
            assert getattr(found, name) == pytest.approx(value, rel=1e-14)


def test_level_1():
    assert to_level_1(labels=[0, 1, 2, 3], level_1_of=(0, 0, 1, 1)).tolist() == [0, 0, 1, 1]
    readers = to_level_1(labels=[[3, 0], [1, 2]], level_1_of=[1, 0, 0, 2])
    assert readers.tolist() == [[2, 1], [0, 0]]


@quick
@given(diagnoses())
def test_an_error_within_a_branch_is_none_at_level_1(case):
    truth, decision, _ = case
    truth, decision = truth % 4, decision % 4
    branch = (0, 0, 1, 1)
    found = binary_metrics(
        truth=to_level_1(labels=truth, level_1_of=branch),
        decision=to_level_1(labels=decision, level_1_of=branch),
    )
    assert found.tp + found.tn == np.sum((truth >= 2) == (decision >= 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": [0, 4]}, r"truth must hold class indices in 0 ... 3"),
        ({"decision": [0, -1]}, "decision must hold class indices"),
        ({"decision": [0.0, 1.0]}, "decision must hold integer class indices"),
        ({"decision": [[[0, 1]]]}, "decision must have shape"),
        ({"decision": [0]}, "decision has 1 patients, but truth has 2"),
        ({"n_classes": 1}, "n_classes must be at least 2"),
    ],
)
@pytest.mark.parametrize("function", [confusion_matrix, class_metrics, macro_metrics])
def test_bad_arguments_are_refused_by_name(function, change, message):
    with pytest.raises(ValueError, match=message):
        function(**({"truth": [0, 1], "decision": [1, 1]} | change))


@pytest.mark.parametrize(
    ("labels", "level_1_of", "message"),
    [
        ([0, 2], (0, 1), "labels must hold class indices in 0 ... 1"),
        ([0, 1], (0, -1), "level_1_of must hold class indices from 0"),
        ([0, 1], (0, 0.5), "level_1_of must list the level-1 class"),
        ([0, 0], (0,), "level_1_of must list the level-1 class"),
    ],
)
def test_a_bad_mapping_is_refused(labels, level_1_of, message):
    with pytest.raises(ValueError, match=message):
        to_level_1(labels=labels, level_1_of=level_1_of)
