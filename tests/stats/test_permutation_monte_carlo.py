"""Monte Carlo permutation tests: against full enumeration, exact tests and their invariances."""

from itertools import combinations, product
from math import sqrt

import numpy as np
import pytest
from scipy.stats import permutation_test, rankdata

import analysis.stats.permutation_monte_carlo as monte_carlo_module
from analysis.stats import (
    delong_paired,
    exchange,
    metric_statistic,
    paired_auc_permutation,
    paired_metric_permutation,
    paired_permutation,
    paired_permutation_monte_carlo,
    unpaired_permutation_monte_carlo,
)
from tests.stats.simulated import auc_by_pairs, four_classes, study

ALTERNATIVES = ("two-sided", "greater", "less")


def as_extreme(values, observed, alternative):
    return {
        "two-sided": np.abs(values) >= abs(observed) - 1e-12,
        "greater": values >= observed - 1e-12,
        "less": values <= observed + 1e-12,
    }[alternative]


def noise(p_value, permutations):
    """Five standard errors of a Monte Carlo p-value."""
    return 5 * sqrt(p_value * (1 - p_value) / permutations) + 2 / permutations


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_an_auc_difference_equals_full_enumeration(alternative):
    """Ten patients, 1024 exchanges, each AUC by trying every pair."""
    rng = np.random.default_rng(1)
    truth = np.arange(10) % 2 == 0
    a, b = np.round(rng.normal(truth * 1.5, 1), 1), np.round(rng.normal(truth * 0.3, 1), 1)
    ranks = np.stack([rankdata(a), rankdata(b)])
    values = []
    for swap in product((0, 1), repeat=10):
        chosen, others = np.array(swap), 1 - np.array(swap)
        arm_a, arm_b = ranks[chosen, np.arange(10)], ranks[others, np.arange(10)]
        values.append(auc_by_pairs(truth, arm_a) - auc_by_pairs(truth, arm_b))
    exact = as_extreme(np.array(values), values[0], alternative).mean()
    found = paired_auc_permutation(
        truth=truth, score_a=a, score_b=b, permutations=20_000, alternative=alternative, seed=2
    )
    assert found.difference == pytest.approx(auc_by_pairs(truth, a) - auc_by_pairs(truth, b))
    assert found.p_value == pytest.approx(exact, abs=noise(exact, 20_000))
    assert (found.n_patients, found.permutations) == (10, 20_000)
    assert (found.method, found.alternative) == ("Monte Carlo paired permutation", alternative)


@pytest.mark.parametrize("of", ["micro", "macro", 2])
def test_one_vs_rest_aucs_are_exchanged_within_patients(of):
    """Against SciPy, which copies and sorts anew for every exchange."""
    truth, a = four_classes(40, seed=5)
    b = np.round(a + np.random.default_rng(6).normal(0, 0.35, a.shape), 1)
    ranks = [rankdata(arm).reshape(arm.shape) for arm in (a, b)]
    one_hot = np.eye(4, dtype=bool)[truth]

    def auc(score):
        per_class = [auc_by_pairs(truth == k, score[:, k]) for k in range(4)]
        return {"micro": auc_by_pairs(one_hot, score), "macro": np.mean(per_class), 2: per_class[2]}

    def difference(x, y):
        """x and y say which arm each patient is read in."""
        return (
            auc(np.where(x[:, None] == 0, *ranks))[of] - auc(np.where(y[:, None] == 0, *ranks))[of]
        )

    reference = permutation_test(
        (np.zeros(40), np.ones(40)),
        difference,
        permutation_type="samples",
        n_resamples=400,
        rng=np.random.default_rng(3),
    )
    found = paired_auc_permutation(truth=truth, score_a=a, score_b=b, of=of, seed=4)
    assert found.difference == pytest.approx(reference.statistic, abs=1e-14)
    # SciPy's two-sided p is twice the smaller tail; the law is symmetric, so both agree.
    assert found.p_value == pytest.approx(reference.pvalue, abs=2 * noise(reference.pvalue, 400))


def test_transforms_of_either_arm_s_scale_leave_the_test_alone():
    truth, a = four_classes(40, seed=5)
    b = np.roll(a, 1, axis=0)
    plain, transformed = (
        paired_auc_permutation(truth=truth, score_a=x, score_b=y, of="micro", seed=1)
        for x, y in ((a, b), (np.exp(a), 100 * b - 7))
    )
    assert plain == transformed


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_agrees_with_delong_on_many_patients(seed):
    first, second = study()[seed, 1], study()[seed, 2]
    arms = dict(truth=first["truth"], score_a=first["score"], score_b=second["score"])
    by_delong = delong_paired(**arms).p_value
    assert paired_auc_permutation(**arms, seed=seed).p_value == pytest.approx(by_delong, abs=0.03)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("metric", ["accuracy", "sensitivity", "specificity"])
def test_micro_metrics_agree_with_the_exact_test(metric, alternative):
    rng = np.random.default_rng(7)
    truth = rng.integers(4, size=50)
    a, b = (np.where(rng.random((2, 50)) < p, truth, (truth + 1) % 4) for p in (0.8, 0.65))
    exact = paired_permutation(a=a == truth, b=b == truth, alternative=alternative).p_value
    found = paired_metric_permutation(
        truth=truth,
        decision_a=a,
        decision_b=b,
        metric=metric,
        of="micro",
        alternative=alternative,
        seed=8,
    )
    assert found.p_value == pytest.approx(exact, abs=noise(exact, 9999))


def test_balanced_accuracy_equals_full_enumeration():
    rng = np.random.default_rng(9)
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    a, b = np.where(rng.random(9) < 0.8, truth, 0), rng.integers(3, size=9)

    def balanced(decision):
        return np.mean([np.mean(decision[truth == k] == k) for k in range(3)])

    values = np.array(
        [
            balanced(np.where(swap, b, a)) - balanced(np.where(swap, a, b))
            for swap in product((False, True), repeat=9)
        ]
    )
    exact = as_extreme(values, values[0], "two-sided").mean()
    found = paired_metric_permutation(
        truth=truth,
        decision_a=a,
        decision_b=b,
        metric="sensitivity",
        of="macro",
        n_classes=3,
        seed=1,
    )
    assert found.difference == pytest.approx(values[0])
    assert found.p_value == pytest.approx(exact, abs=noise(exact, 9999))


def test_exchanging_the_arms_mirrors_the_result():
    first, second = study()[2, 1], study()[2, 2]
    a, b = first["rating"], second["rating"]
    options = dict(truth=first["truth"], permutations=999, seed=3)
    forth = paired_auc_permutation(score_a=a, score_b=b, alternative="less", **options)
    back = paired_auc_permutation(score_a=b, score_b=a, alternative="greater", **options)
    assert forth.difference == -back.difference
    assert forth.p_value == back.p_value


def test_equal_arms_give_one_and_p_is_never_0():
    truth = np.arange(60) % 2
    same = paired_auc_permutation(truth=truth, score_a=truth, score_b=truth, seed=1)
    assert (same.difference, same.p_value) == (0, 1)
    apart = paired_auc_permutation(
        truth=truth, score_a=truth, score_b=1 - truth, permutations=99, seed=1
    )
    assert (apart.difference, apart.p_value) == (1, 1 / 100)


def test_rounding_does_not_break_ties():
    """Thirds summed in another order: each permutation is as extreme as the observed one."""
    thirds = np.array([1 / 3, 2 / 3, 1.0])

    def statistic(swaps):
        order = np.random.default_rng(int(swaps.sum())).permutation(3)
        return np.full(len(swaps), thirds[order].sum() / 3 - 2 / 3 + 0.1)

    found = paired_permutation_monte_carlo(
        statistic=statistic, n_patients=5, permutations=50, seed=1
    )
    assert found.p_value == 1


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_unpaired_groups_equal_full_enumeration(alternative):
    """The difference in AUC of two groups of six, all 924 ways to form them."""
    rng = np.random.default_rng(4)
    truth = np.tile([True, False], 6)
    score = np.round(rng.normal(truth * np.repeat([2.0, 0.0], 6), 1), 1)

    def one(in_a):
        if truth[in_a].all() or not truth[in_a].any():
            return 0.0
        return auc_by_pairs(truth[in_a], score[in_a]) - auc_by_pairs(truth[~in_a], score[~in_a])

    values = np.array(
        [one(np.isin(np.arange(12), chosen)) for chosen in combinations(range(12), 6)]
    )
    exact = as_extreme(values, values[0], alternative).mean()
    found = unpaired_permutation_monte_carlo(
        statistic=lambda masks: np.array([one(mask) for mask in masks]),
        n_a=6,
        n_b=6,
        permutations=2000,
        alternative=alternative,
        seed=5,
    )
    assert found.difference == values[0]
    assert found.p_value == pytest.approx(exact, abs=noise(exact, 2000))
    assert (found.n_patients, found.method) == (12, "Monte Carlo unpaired permutation")


def test_blocks_bound_the_memory_and_not_the_result(monkeypatch):
    truth, score = four_classes(40)
    other = np.roll(score, 1, axis=0)

    def both():
        paired = paired_auc_permutation(
            truth=truth, score_a=score, score_b=other, of="macro", permutations=101, seed=1
        )
        unpaired = unpaired_permutation_monte_carlo(
            statistic=lambda in_a: in_a @ score[:, 0] - ~in_a @ score[:, 0],
            n_a=10,
            n_b=30,
            permutations=101,
            seed=1,
        )
        return paired, unpaired

    whole = both()
    for cells in (1, 7 * 40, 100 * 40):
        monkeypatch.setattr(monte_carlo_module, "_CELLS_PER_BLOCK", cells)
        assert both() == whole


def test_exchange_reads_each_patient_in_the_arm_it_was_swapped_to():
    truth, a, b = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]), np.array([1, 1, 1, 1])
    both = metric_statistic(
        truth=np.tile(truth, 2),
        decision=np.concatenate([a, b]),
        metric="accuracy",
        of=1,
        n_classes=2,
    )
    swaps = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]], dtype=bool)
    assert exchange(both)(swaps).tolist() == [0.25, -0.25, 0.25]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"permutations": 0}, "permutations must be at least 1"),
        ({"n_patients": 0}, "n_patients must be at least 1"),
        ({"alternative": "both"}, "alternative must be one of two-sided, greater, less"),
        ({"statistic": lambda swaps: swaps}, r"one value a row, shape \(1,\)"),
        ({"statistic": lambda swaps: np.full(len(swaps), np.nan)}, "undefined .NaN."),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    good = {"statistic": lambda swaps: swaps.sum(axis=1), "n_patients": 3, "seed": 1}
    with pytest.raises(ValueError, match=message):
        paired_permutation_monte_carlo(**(good | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score_b": [1, 2]}, "score_b has shape"),
        ({"of": "micro"}, r"score must have shape \(n_patients, n_classes\)"),
        ({"truth": [1, 1, 1]}, "truth has no negative patient"),
    ],
)
def test_bad_scores_are_refused_by_name(change, message):
    good = {"truth": [0, 1, 1], "score_a": [1, 2, 3], "score_b": [3, 2, 1], "seed": 1}
    with pytest.raises(ValueError, match=message):
        paired_auc_permutation(**(good | change))


def test_an_undefined_class_is_refused():
    truth, score = four_classes(40)
    with pytest.raises(ValueError, match="of must be one of micro, 0, 1, 2; got 3"):
        paired_auc_permutation(
            truth=truth[truth != 3], score_a=score[truth != 3], score_b=score[truth != 3],
            of=3, seed=1,
        )  # fmt: skip
