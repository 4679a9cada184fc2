"""McNemar's test: against R, against exact fractions, and on cells counted by hand."""

import json
from fractions import Fraction
from math import comb, erfc, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.stats import mcnemar, mcnemar_one_vs_rest, mcnemar_patient_level

quick = settings(deadline=None, max_examples=60, derandomize=True)

R_FILE = Path(__file__).parents[1] / "data" / "stats" / "mcnemar_r.json"
R_CASES = json.loads(R_FILE.read_text())["mcnemar"]
METHODS = ("exact", "mid-p", "chi2", "chi2-corrected")


@st.composite
def two_diagnoses(draw):
    """(truth, decision_a, decision_b, n_classes)."""
    n_classes = draw(st.integers(2, 5))
    shape = draw(st.integers(1, 30))
    labels = st.integers(0, n_classes - 1)
    columns = [draw(arrays(np.int64, shape, elements=labels)) for _ in range(3)]
    return (*columns, n_classes)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", R_CASES, ids=lambda case: f"{case['b']}-{case['c']}")
def test_equals_r(case, method):
    """To a relative 1e-12; the reference carries every digit of a double."""
    result = mcnemar(b=case["b"], c=case["c"], method=method)
    assert result.p_value == pytest.approx(case[method]["p_value"], rel=1e-12)
    if case[method]["statistic"] is None:
        assert result.statistic is None
    else:
        assert result.statistic == pytest.approx(case[method]["statistic"], rel=1e-12)
    assert (result.b, result.c, result.method) == (case["b"], case["c"], method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [0, 1, 2, 40, 5000])
def test_equal_counts_give_one(count, method):
    """Also with no discordant pair; here R's corrected statistic is 0, not 1 / (b + c)."""
    result = mcnemar(b=count, c=count, method=method)
    assert result.p_value == pytest.approx(1, abs=1e-12)
    assert result.p_value <= 1
    assert result.statistic in (None, 0)


@pytest.mark.parametrize(("b", "c"), [(60, 20), (300, 20), (0, 900), (2600, 2000)])
def test_small_p_keeps_its_relative_accuracy(b, c):
    n, fewer = b + c, min(b, c)
    tail = Fraction(sum(comb(n, k) for k in range(fewer + 1)), 2**n)
    exact, mid = 2 * tail, 2 * tail - Fraction(comb(n, fewer), 2**n)
    assert mcnemar(b=b, c=c).p_value == pytest.approx(float(exact), rel=1e-11, abs=0)
    assert mcnemar(b=b, c=c, method="mid-p").p_value == pytest.approx(float(mid), rel=1e-11, abs=0)


@pytest.mark.parametrize(("b", "c"), [(60, 20), (300, 20), (0, 900)])
def test_small_chi2_p_is_the_normal_tail(b, c):
    """On 1 degree of freedom, P(chi-squared > x) = erfc(sqrt(x / 2))."""
    p_value = mcnemar(b=b, c=c, method="chi2").p_value
    assert p_value == pytest.approx(erfc(abs(b - c) / sqrt(2 * (b + c))), rel=1e-11, abs=0)


@quick
@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from(METHODS))
def test_exchanging_the_two_keeps_the_p_value(b, c, method):
    forth, back = mcnemar(b=b, c=c, method=method), mcnemar(b=c, c=b, method=method)
    assert forth.p_value == back.p_value
    assert (forth.b, forth.c) == (back.c, back.b)


@quick
@given(st.integers(0, 400), st.integers(0, 400))
def test_corrections_only_ever_raise_p(b, c):
    p = {method: mcnemar(b=b, c=c, method=method).p_value for method in METHODS}
    assert p["mid-p"] <= p["exact"]
    assert p["chi2"] <= p["chi2-corrected"]


def test_patient_level_counts_the_discordant_pairs():
    correct_a = [True, True, True, True, False, False, True]
    correct_b = [True, False, False, False, True, False, True]
    result = mcnemar_patient_level(correct_a=correct_a, correct_b=correct_b)
    assert result == mcnemar(b=3, c=1, method="exact")
    assert result.p_value == 0.625
    corrected = mcnemar_patient_level(
        correct_a=correct_a, correct_b=correct_b, method="chi2-corrected"
    )
    assert corrected == mcnemar(b=3, c=1, method="chi2-corrected")


def cells_by_hand(truth, decision_a, decision_b, n_classes):
    """Discordant (b, c) on all, on the positive and on the negative one-vs-rest cells."""
    counts = {"accuracy": [0, 0], "sensitivity": [0, 0], "specificity": [0, 0]}
    for true_class, said_a, said_b in zip(truth, decision_a, decision_b, strict=True):
        for k in range(n_classes):
            right_a = (said_a == k) == (true_class == k)
            right_b = (said_b == k) == (true_class == k)
            if right_a != right_b:
                kind = "sensitivity" if true_class == k else "specificity"
                counts[kind][int(right_b)] += 1
                counts["accuracy"][int(right_b)] += 1
    return counts


@quick
@given(two_diagnoses(), st.sampled_from(METHODS))
def test_one_vs_rest_equals_cells_by_hand(case, method):
    truth, decision_a, decision_b, n_classes = case
    result = mcnemar_one_vs_rest(
        truth=truth,
        decision_a=decision_a,
        decision_b=decision_b,
        n_classes=n_classes,
        method=method,
    )
    for name, (b, c) in cells_by_hand(truth, decision_a, decision_b, n_classes).items():
        assert getattr(result, name) == mcnemar(b=b, c=c, method=method)


@quick
@given(two_diagnoses())
def test_one_vs_rest_sensitivity_is_the_patient_level_test(case):
    truth, decision_a, decision_b, n_classes = case
    cells = mcnemar_one_vs_rest(
        truth=truth, decision_a=decision_a, decision_b=decision_b, n_classes=n_classes
    )
    assert cells.sensitivity == mcnemar_patient_level(
        correct_a=decision_a == truth, correct_b=decision_b == truth, method="chi2"
    )


@quick
@given(two_diagnoses(), st.randoms(use_true_random=False))
def test_relabelling_the_classes_changes_nothing(case, random):
    truth, decision_a, decision_b, n_classes = case
    names = np.array(random.sample(range(n_classes), n_classes))
    before, after = (
        mcnemar_one_vs_rest(truth=t, decision_a=a, decision_b=b, n_classes=n_classes)
        for t, a, b in [
            (truth, decision_a, decision_b),
            (names[truth], names[decision_a], names[decision_b]),
        ]
    )
    assert before == after


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"b": -1, "c": 2}, "b must be at least 0"),
        ({"b": 1, "c": 2.0}, "c must be an integer"),
        ({"b": 1, "c": 2, "method": "midp"}, "method must be one of exact, mid-p, chi2, chi2-corr"),
    ],
)
def test_bad_counts_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        mcnemar(**arguments)


@pytest.mark.parametrize(
    ("correct_a", "correct_b", "message"),
    [
        ([], [], "correct_a is empty"),
        ([1, 0], [1], "correct_b has 1 patients, but correct_a has 2"),
        ([1, 2], [1, 0], "correct_a must hold booleans"),
        ([1, 0], [1, np.nan], "correct_b must hold booleans"),
        ([[1, 0]], [[1, 0]], "correct_a must have shape"),
    ],
)
def test_bad_pairs_are_refused_by_name(correct_a, correct_b, message):
    with pytest.raises(ValueError, match=message):
        mcnemar_patient_level(correct_a=correct_a, correct_b=correct_b)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision_b": [0, 4]}, "decision_b must hold class indices"),
        ({"decision_a": [0]}, "decision_a has 1 patients, but truth has 2"),
        ({"decision_a": [[0, 1]]}, "decision_a must have shape"),
        ({"n_classes": 1}, "n_classes must be at least 2"),
        ({"method": "yates"}, "method must be one of"),
    ],
)
def test_bad_decisions_are_refused_by_name(change, message):
    arguments = {"truth": [0, 1], "decision_a": [0, 1], "decision_b": [0, 1]}
    with pytest.raises(ValueError, match=message):
        mcnemar_one_vs_rest(**(arguments | change))
