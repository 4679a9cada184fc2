"""The exact permutation test: against all sign patterns, SciPy, McNemar and big integers."""

from fractions import Fraction
from itertools import product
from math import lcm

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom, permutation_test

from analysis.stats import mcnemar_patient_level, micro_metrics_from_correct, paired_permutation

quick = settings(deadline=None, max_examples=60, derandomize=True)

ALTERNATIVES = ("two-sided", "greater", "less")


@st.composite
def two_arms(draw):
    """(a, b): one to four readers each, on the same one to nine patients."""
    n_patients = draw(st.integers(1, 9))
    return tuple(
        draw(arrays(np.bool_, (draw(st.integers(1, 4)), n_patients), elements=st.booleans()))
        for _ in range(2)
    )


def simulated(n_readers, n_patients, chance, seed):
    return np.random.default_rng(seed).random((n_readers, n_patients)) < chance


def integer_differences(a, b):
    scale = lcm(len(a), len(b))
    return [
        int(sum(column_a)) * scale // len(a) - int(sum(column_b)) * scale // len(b)
        for column_a, column_b in zip(a.T, b.T, strict=True)
    ]


def p_by_enumeration(a, b, alternative):
    """Try every sign pattern, in integers."""
    differences = integer_differences(a, b)
    observed = sum(differences)
    as_extreme = {
        "two-sided": lambda total: abs(total) >= abs(observed),
        "greater": lambda total: total >= observed,
        "less": lambda total: total <= observed,
    }[alternative]
    patterns = np.array(list(product((1, -1), repeat=len(differences))))
    return np.mean([as_extreme(total) for total in patterns @ differences])


def p_by_big_integers(a, b):
    """P(|sum| >= |observed|) as a fraction: the exact count of sign patterns."""
    differences = integer_differences(a, b)
    patterns = {0: 1}
    for difference in differences:
        grown = {}
        for total, count in patterns.items():
            for signed in (total + difference, total - difference):
                grown[signed] = grown.get(signed, 0) + count
        patterns = grown
    observed = abs(sum(differences))
    extreme = sum(count for total, count in patterns.items() if abs(total) >= observed)
    return Fraction(extreme, 2 ** len(differences))


@quick
@given(two_arms(), st.sampled_from(ALTERNATIVES))
def test_equals_full_enumeration(arms, alternative):
    a, b = arms
    result = paired_permutation(a=a, b=b, alternative=alternative)
    assert result.p_value == pytest.approx(p_by_enumeration(a, b, alternative), rel=1e-13)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("readers_a", "readers_b"), [(1, 1), (2, 2), (1, 3), (2, 3)])
def test_equals_full_enumeration_of_twelve_patients(readers_a, readers_b, alternative):
    a, b = simulated(readers_a, 12, 0.8, seed=1), simulated(readers_b, 12, 0.4, seed=2)
    result = paired_permutation(a=a, b=b, alternative=alternative)
    assert result.p_value == pytest.approx(p_by_enumeration(a, b, alternative), rel=1e-13)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("readers_a", "readers_b"), [(1, 1), (1, 2), (3, 2)])
def test_equals_scipy_with_every_permutation(readers_a, readers_b, alternative):
    a, b = simulated(readers_a, 9, 0.75, seed=3), simulated(readers_b, 9, 0.5, seed=4)
    reference = permutation_test(
        (a.mean(axis=0), b.mean(axis=0)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
        alternative=alternative,
    )
    result = paired_permutation(a=a, b=b, alternative=alternative)
    assert result.difference == pytest.approx(reference.statistic, abs=1e-15)
    assert result.p_value == pytest.approx(reference.pvalue, rel=1e-12)


@pytest.mark.parametrize(
    ("readers_a", "readers_b", "n_patients"), [(2, 2, 368), (1, 2, 368), (2, 3, 500)]
)
def test_small_p_keeps_its_relative_accuracy(readers_a, readers_b, n_patients):
    a = simulated(readers_a, n_patients, 0.85, seed=5)
    b = simulated(readers_b, n_patients, 0.35, seed=6)
    exact = float(p_by_big_integers(a, b))
    assert 0 < exact < 1e-25
    assert paired_permutation(a=a, b=b).p_value == pytest.approx(exact, rel=1e-11, abs=0)


@pytest.mark.parametrize(("n_patients", "chance"), [(368, 0.6), (5000, 0.55), (5000, 0.4)])
def test_one_reader_an_arm_is_the_exact_mcnemar_test(n_patients, chance):
    a, b = simulated(1, n_patients, 0.62, seed=7)[0], simulated(1, n_patients, chance, seed=8)[0]
    mcnemar = mcnemar_patient_level(correct_a=a, correct_b=b, method="exact")
    assert paired_permutation(a=a, b=b).p_value == pytest.approx(mcnemar.p_value, rel=1e-11, abs=0)


@pytest.mark.parametrize(("readers_a", "readers_b"), [(2, 2), (1, 3), (2, 3)])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_leaving_out_chances_too_small_for_a_double_changes_nothing(
    readers_a, readers_b, alternative
):
    """Many patients, against the whole distribution with all its zeros, size after size."""
    a = simulated(readers_a, 7000, 0.603, seed=9)
    b = simulated(readers_b, 7000, 0.6, seed=10)
    differences = integer_differences(a, b)
    pmf = np.ones(1)
    for size, count in zip(*np.unique(np.abs(differences), return_counts=True), strict=True):
        signed = np.zeros(2 * size * count + 1)
        signed[:: 2 * size or 1] = binom.pmf(np.arange(count + 1), count, 0.5) if size else 1
        pmf = np.convolve(pmf, signed)
    totals = np.arange(pmf.size) - pmf.size // 2
    observed = sum(differences)
    extreme = {
        "two-sided": np.abs(totals) >= abs(observed),
        "greater": totals >= observed,
        "less": totals <= observed,
    }[alternative]
    found = paired_permutation(a=a, b=b, alternative=alternative).p_value
    assert 0.01 < found < 1
    assert found == pytest.approx(pmf[extreme].sum(), rel=1e-11)


@quick
@given(two_arms())
def test_exchanging_the_arms_mirrors_the_result(arms):
    a, b = arms
    assert paired_permutation(a=a, b=b).p_value == paired_permutation(a=b, b=a).p_value
    forth = paired_permutation(a=a, b=b, alternative="greater")
    back = paired_permutation(a=b, b=a, alternative="less")
    assert forth.difference == -back.difference
    assert forth.p_value == back.p_value


@quick
@given(two_arms(), st.integers(2, 3), st.integers(2, 3))
def test_copies_of_the_readers_add_no_evidence(arms, copies_a, copies_b):
    a, b = arms
    once = paired_permutation(a=a, b=b)
    again = paired_permutation(a=np.tile(a, (copies_a, 1)), b=np.tile(b, (copies_b, 1)))
    assert again.difference == pytest.approx(once.difference, abs=1e-15)
    assert again.p_value == pytest.approx(once.p_value, rel=1e-13)


@quick
@given(two_arms())
def test_a_patient_on_whom_the_arms_agree_leaves_p_alone(arms):
    a, b = arms
    agreed_a, agreed_b = (np.hstack([arm, np.ones((len(arm), 1), dtype=bool)]) for arm in arms)
    more = paired_permutation(a=agreed_a, b=agreed_b)
    assert more.p_value == paired_permutation(a=a, b=b).p_value
    assert more.n_patients == a.shape[1] + 1


@quick
@given(two_arms())
def test_difference_is_that_of_the_pooled_proportions(arms):
    a, b = arms
    difference = paired_permutation(a=a, b=b).difference
    assert difference == pytest.approx(a.mean() - b.mean(), abs=1e-15)
    metric_a, metric_b = (
        micro_metrics_from_correct(correct=int(arm.sum()), n=arm.size) for arm in arms
    )
    assert metric_a.accuracy - metric_b.accuracy == pytest.approx(difference / 2, abs=1e-15)
    assert metric_a.specificity - metric_b.specificity == pytest.approx(difference / 3, abs=1e-15)


def test_worked_example():
    """Four patients, all for a: one pattern in 16 is as extreme, one more at the other end."""
    result = paired_permutation(a=[1, 1, 1, 1, 0], b=[0, 0, 0, 0, 0])
    assert result.difference == 0.8
    assert result.p_value == 2 / 16
    assert (result.n_patients, result.alternative) == (5, "two-sided")
    assert result.method == "exact paired permutation"


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_equal_arms_give_one(alternative):
    arm = simulated(2, 50, 0.6, seed=9)
    result = paired_permutation(a=arm, b=arm, alternative=alternative)
    assert (result.difference, result.p_value) == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": []}, "a is empty"),
        ({"a": [0, 1, 1]}, "b has 2 patients, but a has 3"),
        ({"b": [0.5, 1]}, "b must hold booleans or 0 and 1"),
        ({"b": [None, 1]}, "b must hold booleans or 0 and 1"),
        ({"a": [[[0, 1]]]}, r"a must have shape \(n_patients,\) or \(n_readers, n_patients\)"),
        ({"alternative": "both"}, "alternative must be one of two-sided, greater, less"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        paired_permutation(**({"a": [0, 1], "b": [1, 1]} | change))
