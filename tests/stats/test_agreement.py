"""Kappa: against R, against numerical derivatives, and where it has no value."""

import json
from itertools import combinations
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm
from statsmodels.stats import inter_rater

from analysis.stats import (
    agreement_among_readers,
    agreement_with_model,
    cohen_kappa,
    fleiss_kappa,
    rate,
)

quick = settings(deadline=None, max_examples=60, derandomize=True)

R_FILE = Path(__file__).parents[1] / "data" / "stats" / "agreement_r.json"
R_TABLES = json.loads(R_FILE.read_text())["cohen"]
WEIGHTS = ("unweighted", "linear", "quadratic")

# Fleiss's layout: one row a patient, one column a class; the worked example of statsmodels'
# documentation and of many a text, kappa 0.210 by hand.
FOURTEEN_RATERS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def from_table(table):
    """The two readers' decisions, in the order of the table's cells."""
    table = np.array(table)
    cells = np.repeat(np.arange(table.size), table.ravel())
    return cells // len(table), cells % len(table)


def from_counts(counts):
    return np.array([np.repeat(np.arange(len(row)), row) for row in counts]).T


def readers(n_readers, n_patients=80, seed=3):
    """Readers who follow the truth three times in four."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(4, size=n_patients)
    guess = rng.integers(4, size=(n_readers, n_patients))
    return np.where(rng.random((n_readers, n_patients)) < 0.75, truth, guess)


@st.composite
def small_groups(draw):
    n_classes, n_readers = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    shape = (n_readers, draw(st.integers(2, 15)))
    return draw(arrays(np.int64, shape, elements=st.integers(0, n_classes - 1))), n_classes


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("case", R_TABLES, ids=lambda case: case["name"])
def test_cohen_equals_r(case, weights):
    first, second = from_table(case["table"])
    result = cohen_kappa(first=first, second=second, n_classes=len(case["table"]), weights=weights)
    expected = case[weights]
    for name in ("kappa", "std_error", "low", "high"):
        assert getattr(result, name) == pytest.approx(expected[name], rel=1e-10, abs=1e-12)
    assert result.p_value == pytest.approx(2 * norm.sf(abs(expected["z"])), rel=1e-10)
    assert result.n_patients == np.sum(case["table"])


def test_agreement_is_the_share_of_the_diagonal_with_wilsons_interval():
    first, second = from_table([[40, 9], [6, 45]])
    result = cohen_kappa(first=first, second=second, n_classes=2)
    assert result.agreement == pytest.approx(0.85)
    assert result.unanimous == rate(count=85, n=100)


@quick
@given(small_groups(), st.sampled_from(WEIGHTS))
def test_cohen_equals_its_definition(case, weights):
    decisions, n_classes = case
    first, second = decisions[:2]
    if np.all(decisions[:2] == first[0]):
        return
    result = cohen_kappa(first=first, second=second, n_classes=n_classes, weights=weights)
    cost = {
        "unweighted": lambda a, b: a != b,
        "linear": lambda a, b: abs(a - b),
        "quadratic": lambda a, b: (a - b) ** 2,
    }[weights]
    observed = np.mean([cost(a, b) for a, b in zip(first, second, strict=True)])
    by_chance = np.mean([cost(a, b) for a in first for b in second])
    expected = 1 - observed / by_chance
    assert result.kappa == pytest.approx(expected, abs=1e-12)


@quick
@given(small_groups(), st.sampled_from(WEIGHTS))
def test_exchanging_the_two_readers_changes_nothing(case, weights):
    (first, second, *_), n_classes = case
    arguments = {"n_classes": n_classes, "weights": weights}
    forth = cohen_kappa(first=first, second=second, **arguments)
    back = cohen_kappa(first=second, second=first, **arguments)
    for name in ("kappa", "std_error", "p_value"):
        one, other = getattr(forth, name), getattr(back, name)
        assert other == (one if one is None else pytest.approx(one, abs=1e-7))


@quick
@given(small_groups(), st.randoms(use_true_random=False))
def test_relabelling_the_classes_changes_nothing(case, random):
    decisions, n_classes = case
    names = np.array(random.sample(range(n_classes), n_classes))
    for function in (
        lambda these: cohen_kappa(first=these[0], second=these[1], n_classes=n_classes),
        lambda these: fleiss_kappa(decisions=these, n_classes=n_classes),
    ):
        plain, renamed = function(decisions), function(names[decisions])
        for name in ("kappa", "std_error"):
            one, other = getattr(plain, name), getattr(renamed, name)
            assert other == (one if one is None else pytest.approx(one, abs=1e-7))


def test_reversing_the_order_of_grades_keeps_the_weighted_kappas():
    first, second = readers(2)
    for weights in WEIGHTS:
        plain = cohen_kappa(first=first, second=second, weights=weights)
        turned = cohen_kappa(first=3 - first, second=3 - second, weights=weights)
        assert turned.kappa == pytest.approx(plain.kappa)
        assert turned.std_error == pytest.approx(plain.std_error)


def test_copies_of_the_patients_shrink_the_error_only():
    decisions = readers(3)
    once, again = (fleiss_kappa(decisions=np.tile(decisions, k)) for k in (1, 4))
    assert again.kappa == pytest.approx(once.kappa)
    assert again.std_error == pytest.approx(once.std_error * sqrt(79 / 319))
    pair = [cohen_kappa(first=a, second=b) for a, b in (decisions[:2], np.tile(decisions[:2], 4))]
    assert pair[1].kappa == pytest.approx(pair[0].kappa)
    assert pair[1].std_error == pytest.approx(pair[0].std_error / 2)


def test_fleiss_worked_example():
    result = fleiss_kappa(decisions=from_counts(FOURTEEN_RATERS), n_classes=5)
    assert result.agreement == pytest.approx(0.378, abs=5e-4)
    assert result.kappa == pytest.approx(0.210, abs=5e-4)
    assert (result.n_readers, result.n_patients) == (14, 10)
    assert result.unanimous == rate(count=1, n=10)


@quick
@given(small_groups())
def test_fleiss_equals_statsmodels(case):
    decisions, n_classes = case
    result = fleiss_kappa(decisions=decisions, n_classes=n_classes)
    counts, _ = inter_rater.aggregate_raters(decisions.T)
    if result.kappa is None:
        assert counts.shape[1] == 1
    else:
        assert result.kappa == pytest.approx(inter_rater.fleiss_kappa(counts), abs=1e-12)


def weighted_fleiss(decisions, weight):
    """Fleiss's kappa with a weight a patient, from its definition."""
    share = weight / weight.sum()
    pairs = [decisions[a] == decisions[b] for a, b in combinations(range(len(decisions)), 2)]
    agreed = share @ np.mean(pairs, axis=0)
    by_chance = sum(
        (share @ (decisions == k).mean(axis=0)) ** 2 for k in range(decisions.max() + 1)
    )
    return (agreed - by_chance) / (1 - by_chance)


@pytest.mark.parametrize("n_readers", [2, 3, 6])
def test_the_error_of_fleiss_is_how_kappa_moves_with_each_patients_weight(n_readers):
    """The delta method by numerical derivatives: no formula in common."""
    decisions = readers(n_readers)
    n_patients, step = decisions.shape[1], 1e-5
    moves = []
    for patient in range(n_patients):
        up, down = np.ones(n_patients), np.ones(n_patients)
        up[patient] += step
        down[patient] -= step
        difference = weighted_fleiss(decisions, up) - weighted_fleiss(decisions, down)
        moves.append(difference / (2 * step))
    result = fleiss_kappa(decisions=decisions)
    assert result.kappa == pytest.approx(weighted_fleiss(decisions, np.ones(n_patients)))
    variance = np.sum(np.square(moves)) * n_patients / (n_patients - 1)
    assert result.std_error == pytest.approx(sqrt(variance), rel=1e-6)


def test_intervals_cover_as_often_as_they_say():
    """Simulated groups of 3 readers, whose kappa is known from a very large sample."""
    true = fleiss_kappa(decisions=readers(3, 200_000, seed=1)).kappa
    intervals = [fleiss_kappa(decisions=readers(3, 150, seed=seed)) for seed in range(400)]
    covered = np.mean([one.low <= true <= one.high for one in intervals])
    assert 0.92 <= covered <= 0.98


def test_full_agreement_is_a_single_point():
    decisions = np.tile(readers(1), (3, 1))
    for result in (
        fleiss_kappa(decisions=decisions),
        cohen_kappa(first=decisions[0], second=decisions[1]),
    ):
        assert (result.kappa, result.agreement) == (pytest.approx(1), 1)
        assert (result.low, result.high) == (pytest.approx(1), pytest.approx(1))
        assert result.high <= 1


def test_one_class_for_all_has_no_kappa():
    for result in (
        fleiss_kappa(decisions=np.full((3, 5), 2)),
        cohen_kappa(first=[2] * 5, second=[2] * 5, weights="linear"),
    ):
        assert (result.kappa, result.std_error, result.low, result.p_value) == (None,) * 4
        assert result.unanimous == rate(count=5, n=5)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("second", [[0, 1, 2, 0], [2, 2, 2, 2]])
def test_a_reader_with_one_class_for_all_has_kappa_0_without_error(weights, second):
    result = cohen_kappa(first=[0, 0, 0, 0], second=second, weights=weights)
    assert result.kappa == 0
    assert (result.std_error, result.low, result.high, result.p_value) == (None,) * 4


def test_one_odd_patient_among_many_is_no_evidence_against_a_constant_reader():
    """Here rounding alone would give a p-value."""
    result = cohen_kappa(first=[0] * 5000, second=[1] + [0] * 4999)
    assert (result.kappa, result.std_error, result.p_value) == (0, None, None)


def test_grades_of_which_all_of_one_reader_are_higher_have_linear_kappa_0():
    first, second = [0, 1, 0, 1, 1], [2, 3, 3, 2, 1]
    result = cohen_kappa(first=first, second=second, weights="linear")
    assert (result.kappa, result.std_error) == (0, None)
    assert cohen_kappa(first=first, second=second, weights="quadratic").p_value is not None


def test_readers_who_share_no_class_have_kappa_0_without_error():
    result = cohen_kappa(first=[0, 1, 0, 1], second=[2, 3, 3, 2])
    assert (result.kappa, result.std_error, result.p_value) == (0, None, None)


def test_each_reader_with_the_model_and_with_each_other():
    decisions, model = readers(3), readers(1, seed=3)[0]
    with_model = agreement_with_model(decisions=decisions, model=model)
    assert with_model == tuple(cohen_kappa(first=one, second=model) for one in decisions)
    assert agreement_with_model(decisions=decisions[0], model=model) == with_model[:1]
    among = agreement_among_readers(decisions=decisions)
    assert among.together == fleiss_kappa(decisions=decisions)
    assert list(among.pairs) == [(0, 1), (0, 2), (1, 2)]
    assert among.pairs[0, 2] == cohen_kappa(first=decisions[0], second=decisions[2])
    shares = [pair.agreement for pair in among.pairs.values()]
    assert among.together.agreement == pytest.approx(np.mean(shares))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": [0, 4]}, "first must hold class indices in 0 ... 3"),
        ({"second": [0]}, "second has 1 patients, but first has 2"),
        ({"weights": "cubic"}, "weights must be one of unweighted, linear, quadratic"),
        ({"n_classes": 1}, "n_classes must be at least 2"),
        ({"level": 95}, "level must be strictly between 0 and 1"),
    ],
)
def test_bad_pairs_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        cohen_kappa(**({"first": [0, 1], "second": [0, 1]} | change))


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ([0, 1], r"decisions must have shape \(n_readers, n_patients\), at least 2 of either"),
        ([[0, 1]], r"at least 2 of either, got \(1, 2\)"),
        ([[0], [1]], r"at least 2 of either, got \(2, 1\)"),
        ([[0.5, 1], [1, 1]], "decisions must hold integer class indices"),
    ],
)
def test_bad_groups_are_refused_by_name(decisions, message):
    for function in (fleiss_kappa, agreement_among_readers):
        with pytest.raises(ValueError, match=message):
            function(decisions=decisions)
