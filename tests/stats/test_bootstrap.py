"""Bootstrap intervals: against a plain loop, the binomial law, and their invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom

import analysis.stats.resampling as resampling_module
from analysis.stats import bootstrap_micro_metrics, micro_metrics

quick = settings(deadline=None, max_examples=30, derandomize=True)

METRICS = ("accuracy", "sensitivity", "specificity")


def limits(result):
    return {name: (getattr(result, name).low, getattr(result, name).high) for name in METRICS}


def diagnoses(n_readers=3, n_patients=40, seed=11):
    """(truth, decision): readers who are right about seven times in ten."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(4, size=n_patients)
    guess = rng.integers(4, size=(n_readers, n_patients))
    return truth, np.where(rng.random(guess.shape) < 0.6, truth, guess)


@pytest.mark.parametrize("method", ["percentile", "basic"])
def test_equals_a_plain_loop_over_the_same_resamples(method):
    """The loop resamples truth and decisions, and counts the real one-vs-rest cells."""
    truth, decision = diagnoses()
    resamples, seed, level = 200, 5, 0.9
    rng = np.random.default_rng(seed)
    values = {name: [] for name in METRICS}
    for _ in range(resamples):
        chosen = rng.integers(truth.size, size=truth.size)
        metrics = micro_metrics(truth=truth[chosen], decision=decision[:, chosen])
        for name in METRICS:
            values[name].append(getattr(metrics, name))

    result = bootstrap_micro_metrics(
        correct=decision == truth, resamples=resamples, level=level, method=method, seed=seed
    )
    estimate = micro_metrics(truth=truth, decision=decision)
    for name in METRICS:
        point = getattr(estimate, name)
        low, high = np.percentile(values[name], [5, 95])
        expected = (2 * point - high, 2 * point - low) if method == "basic" else (low, high)
        assert limits(result)[name] == pytest.approx(expected, abs=1e-13)
        assert getattr(result.estimate, name) == pytest.approx(point, abs=1e-14)


def test_the_result_says_how_it_was_found():
    truth, decision = diagnoses()
    result = bootstrap_micro_metrics(
        correct=decision == truth, resamples=50, level=0.8, method="basic", seed=0
    )
    assert (result.n_patients, result.estimate.n) == (40, 120)
    for name in METRICS:
        interval = getattr(result, name)
        assert (interval.level, interval.method, interval.resamples) == (0.8, "basic", 50)


@pytest.mark.parametrize(("n", "right"), [(92, 54), (171, 117), (105, 90)])
def test_one_reader_follows_the_binomial_law(n, right):
    """A resampled count is binomial(n, right / n), so its quantiles are known exactly."""
    correct = np.arange(n) < right
    result = bootstrap_micro_metrics(correct=correct, resamples=20_000, seed=1)
    expected = binom.ppf([0.025, 0.975], n, right / n) / n
    assert limits(result)["sensitivity"] == pytest.approx(expected, abs=1.001 / n)


def test_coverage_is_close_to_the_level():
    """300 studies of 120 patients: 90% is 4 sigma below the level, 99% 3 sigma above it."""
    rng = np.random.default_rng(2022)
    truth_rate, covered = 0.7, 0
    for _ in range(300):
        correct = rng.random(120) < truth_rate
        interval = bootstrap_micro_metrics(correct=correct, resamples=400, seed=rng).sensitivity
        covered += interval.low <= truth_rate <= interval.high
    assert 0.90 < covered / 300 < 0.99


def test_patients_not_decisions_are_resampled():
    """A reader copied is no new evidence: the interval must not shrink."""
    correct = np.equal(*diagnoses(n_readers=1))
    one = bootstrap_micro_metrics(correct=correct, seed=3)
    four = bootstrap_micro_metrics(correct=np.tile(correct, (4, 1)), seed=3)
    for name in METRICS:
        assert limits(four)[name] == pytest.approx(limits(one)[name], abs=1e-14)


@quick
@given(
    arrays(np.bool_, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.booleans()),
    st.integers(0, 2**32),
)
def test_invariances(correct, seed):
    """Reader order is idle; percentile limits are in [0, 1]; the metrics share one scale."""
    result = bootstrap_micro_metrics(correct=correct, resamples=60, seed=seed)
    assert result == bootstrap_micro_metrics(correct=correct[::-1], resamples=60, seed=seed)
    found = limits(result)
    for low, high in found.values():
        assert 0 <= low <= high <= 1
    for end in range(2):
        error = 1 - found["sensitivity"][end]
        assert found["specificity"][end] == pytest.approx(1 - error / 3, abs=1e-14)
        assert found["accuracy"][end] == pytest.approx(1 - error / 2, abs=1e-14)


def test_blocks_bound_the_memory_and_not_the_result(monkeypatch):
    correct = np.equal(*diagnoses())
    whole = bootstrap_micro_metrics(correct=correct, resamples=101, seed=4)
    for draws in (1, 7 * 40, 100 * 40):
        monkeypatch.setattr(resampling_module, "_DRAWS_KEPT", 0)
        monkeypatch.setattr(resampling_module, "_DRAWS_PER_BLOCK", draws)
        assert bootstrap_micro_metrics(correct=correct, resamples=101, seed=4) == whole


def test_seed_and_generator_agree_and_other_seeds_differ():
    correct = np.equal(*diagnoses())
    seeded = bootstrap_micro_metrics(correct=correct, seed=6)
    assert seeded == bootstrap_micro_metrics(correct=correct, seed=np.random.default_rng(6))
    assert seeded != bootstrap_micro_metrics(correct=correct, seed=7)


def test_basic_mirrors_percentile_and_may_leave_the_unit_interval():
    correct = np.arange(60) < 58
    percentile = bootstrap_micro_metrics(correct=correct, seed=8).sensitivity
    basic = bootstrap_micro_metrics(correct=correct, method="basic", seed=8).sensitivity
    assert basic.low == pytest.approx(2 * 58 / 60 - percentile.high, abs=1e-14)
    assert basic.high == pytest.approx(2 * 58 / 60 - percentile.low, abs=1e-14)
    assert percentile.high <= 1 < basic.high


def test_a_higher_level_is_wider():
    correct = np.equal(*diagnoses())
    narrow, wide = (
        bootstrap_micro_metrics(correct=correct, level=level, seed=9).accuracy
        for level in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("method", ["percentile", "basic"])
@pytest.mark.parametrize(("right", "sensitivity", "specificity"), [(True, 1, 1), (False, 0, 2 / 3)])
def test_unanimous_decisions_give_a_point(right, sensitivity, specificity, method):
    result = bootstrap_micro_metrics(correct=[right] * 20, method=method, seed=10)
    assert limits(result)["sensitivity"] == (sensitivity, sensitivity)
    assert limits(result)["specificity"] == pytest.approx((specificity, specificity), abs=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correct": []}, "correct is empty"),
        ({"correct": [0, 2]}, "correct must hold booleans or 0 and 1"),
        ({"correct": [[[0, 1]]]}, "correct must have shape"),
        ({"resamples": 0}, "resamples must be at least 1"),
        ({"level": 95}, "level must be strictly between 0 and 1, got 95"),
        ({"level": 1.0}, "level must be strictly between 0 and 1"),
        ({"method": "normal"}, "method must be one of percentile, basic, bca"),
        ({"n_classes": 1}, "n_classes must be at least 2"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_micro_metrics(**({"correct": [0, 1, 1], "seed": 0} | change))
