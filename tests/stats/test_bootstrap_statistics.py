"""The general bootstrap: against SciPy, a plain loop, and its invariances."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

import analysis.stats.resampling as resampling_module
from analysis.stats import (
    auc_statistic,
    bootstrap_auc,
    bootstrap_metrics,
    bootstrap_micro_metrics,
    bootstrap_one_vs_rest_auc,
    bootstrap_statistics,
    difference_of,
    error_reductions,
    estimate_of,
    macro_metrics,
    mean_of,
    metric_statistic,
    micro_metrics,
    one_vs_rest_auc_statistics,
    one_vs_rest_roc,
    resample_counts,
    to_level_1,
)
from tests.stats.simulated import auc_by_pairs, four_classes, reference, study

METHODS = {"percentile": "percentile", "basic": "basic", "bca": "BCa"}


def limits(estimate):
    return [estimate.interval.low, estimate.interval.high]


def drawn(**arguments):
    """All resamples at once."""
    return np.concatenate(list(resample_counts(**arguments)))


def decisions(n_patients=80, n_readers=2, seed=4, chance=0.6):
    """(truth, decision): readers right about seven times in ten, each class there."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n_patients) % 4)
    guess = rng.integers(4, size=(n_readers, n_patients))
    return truth, np.where(rng.random(guess.shape) < chance, truth, guess)


@pytest.mark.parametrize("method", METHODS)
def test_one_sample_equals_scipy_with_the_same_seed(method):
    """SciPy draws the same indices; the metric is a mean of right and wrong."""
    truth, decision = decisions(n_readers=1)
    right = (decision[0] == truth).astype(float)
    expected = scipy_bootstrap(
        (right,),
        np.mean,
        n_resamples=500,
        confidence_level=0.9,
        method=METHODS[method],
        rng=np.random.default_rng(7),
    )
    found = bootstrap_metrics(
        truth=truth,
        decision=decision,
        metrics=["sensitivity"],
        resamples=500,
        level=0.9,
        method=method,
        seed=7,
    )["sensitivity"]
    assert limits(found) == pytest.approx(list(expected.confidence_interval), abs=1e-13)
    micro = bootstrap_micro_metrics(
        correct=decision == truth, resamples=500, level=0.9, method=method, seed=7
    )
    assert limits(found) == pytest.approx([micro.sensitivity.low, micro.sensitivity.high])


@pytest.mark.parametrize("method", METHODS)
def test_two_samples_equal_scipy_on_the_same_resamples(method):
    """SciPy's jackknife takes every pair anew; ours is the closed form."""
    data = study()[3, 1]
    truth, score = data["truth"].astype(bool)[:120], data["rating"][:120]

    def auc(positive, negative, axis=-1):
        a, b = positive[..., :, None], negative[..., None, :]
        return ((a > b) + 0.5 * (a == b)).mean(axis=(-2, -1))

    statistic = auc_statistic(truth=truth, score=score)
    values = statistic(drawn(n_patients=120, resamples=400, strata=truth, seed=8))
    expected = scipy_bootstrap(
        (score[truth], score[~truth]),
        auc,
        n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=values),
        method=METHODS[method],
    )
    found = bootstrap_auc(truth=truth, score=score, resamples=400, method=method, seed=8)
    assert limits(found) == pytest.approx(list(expected.confidence_interval), abs=1e-13)
    assert found.estimate == pytest.approx(auc_by_pairs(truth, score))
    assert found.sampling == "patients within strata"


@pytest.mark.parametrize("stratified", [True, False])
def test_equals_a_plain_loop_that_copies_the_patients(stratified):
    truth, score = four_classes(60)
    strata = truth if stratified else None
    counts = drawn(n_patients=60, resamples=50, strata=strata, seed=9)
    values = {"micro": [], "macro": [], 2: []}
    for row in counts:
        curves = one_vs_rest_roc(truth=np.repeat(truth, row), score=np.repeat(score, row, axis=0))
        values["micro"].append(curves.micro.auc)
        values["macro"].append(curves.macro_auc)
        values[2].append(curves.per_class[2].auc)
    found = bootstrap_one_vs_rest_auc(
        truth=truth, score=score, stratified=stratified, resamples=50, seed=9
    )
    for estimate, name in ((found.micro, "micro"), (found.macro, "macro"), (found.per_class[2], 2)):
        assert limits(estimate) == pytest.approx(np.quantile(values[name], [0.025, 0.975]))
    assert (found.n_patients, found.micro.interval.resamples, found.micro.undefined) == (60, 50, 0)


def test_an_arm_against_itself_has_no_difference():
    truth, score = four_classes(60)
    found = bootstrap_one_vs_rest_auc(truth=truth, score=score, against=score, seed=1)
    for estimate in (found.micro, found.macro, *found.per_class):
        assert (estimate.estimate, *limits(estimate)) == (0, 0, 0)


@pytest.mark.parametrize("method", METHODS)
def test_exchanging_the_arms_mirrors_the_difference(method):
    truth, score = four_classes(60)
    other = np.round(score + np.random.default_rng(2).normal(0, 0.2, score.shape), 1)
    options = dict(resamples=300, method=method, seed=1)
    forth = bootstrap_one_vs_rest_auc(truth=truth, score=score, against=other, **options)
    back = bootstrap_one_vs_rest_auc(truth=truth, score=other, against=score, **options)
    for a, b in zip(
        (forth.micro, forth.macro, *forth.per_class),
        (back.micro, back.macro, *back.per_class),
        strict=True,
    ):
        assert a.estimate == pytest.approx(-b.estimate, abs=1e-14)
        assert limits(a) == pytest.approx([-x for x in reversed(limits(b))], abs=1e-12)


def test_a_paired_difference_is_narrower_than_two_arms_apart():
    """The arms see the same resampled patients, so what they share cancels."""
    data = [study()[1, treatment] for treatment in (1, 2)]
    truth = data[0]["truth"]
    options = dict(resamples=2000, seed=5)
    paired = bootstrap_auc(truth=truth, score=data[0]["score"], against=data[1]["score"], **options)
    low, high = limits(paired)
    alone = [limits(bootstrap_auc(truth=truth, score=arm["score"], **options)) for arm in data]
    assert high - low < np.hypot(*(b - a for a, b in alone)) * 0.9
    by_delong = next(
        case["paired"]["conf_int"]
        for case in reference("roc_r.json")["roc"]
        if (case["score"], case["reader"]) == ("score", 1)
    )
    assert [low, high] == pytest.approx(by_delong, abs=0.008)


def test_bca_shares_out_the_misses_of_a_skewed_mean():
    """600 studies of 20 exponential draws each: percentile limits lie too low, BCa's less so."""
    rng = np.random.default_rng(12)
    missed = {"percentile": [0, 0], "bca": [0, 0]}
    for _ in range(600):
        sample = rng.exponential(size=20)
        for method, tails in missed.items():
            low, high = limits(mean_interval(sample, method))
            tails[0] += low > 1
            tails[1] += high < 1
    (low, high), (bca_low, bca_high) = missed["percentile"], missed["bca"]
    assert high > 2 * low
    assert high - low > bca_high - bca_low > 0


def mean_interval(sample, method):
    class Mean:
        n_patients = sample.size

        def __call__(self, weights):
            return weights @ sample / weights.sum(axis=1)

        def leave_one_out(self):
            return (sample.sum() - sample) / (sample.size - 1)

    return bootstrap_statistics(
        statistics={"mean": Mean()}, resamples=400, level=0.9, method=method, seed=3
    )["mean"]


@pytest.mark.parametrize("method", METHODS)
def test_metrics_and_their_paired_differences(method):
    truth, a = decisions(seed=4)
    _, b = decisions(seed=5, chance=0.4)
    options = dict(resamples=200, method=method, seed=2)
    for of in ("micro", "macro", 3):
        found = bootstrap_metrics(truth=truth, decision=a, of=of, **options)
        moved = bootstrap_metrics(truth=truth, decision=a, against=b, of=of, **options)
        assert list(found) == ["accuracy", "sensitivity", "specificity"]
        for metric, estimate in found.items():
            own, other = (
                estimate_of(metric_statistic(truth=truth, decision=x, metric=metric, of=of))
                for x in (a, b)
            )
            assert estimate.estimate == own
            assert moved[metric].estimate == pytest.approx(own - other)
            assert limits(estimate)[0] <= limits(estimate)[1]
    micro = micro_metrics(truth=truth, decision=a)
    assert bootstrap_metrics(truth=truth, decision=a, **options)["sensitivity"].estimate == (
        micro.sensitivity
    )
    balanced = bootstrap_metrics(truth=truth, decision=a, of="macro", **options)["sensitivity"]
    macro = macro_metrics(truth=truth, decision=a)
    assert balanced.estimate == pytest.approx(macro.balanced_accuracy)


def test_error_reductions_of_four_classes_and_of_level_1():
    truth, before = decisions(n_patients=200, seed=6, chance=0.4)
    _, after = decisions(n_patients=200, seed=6, chance=0.8)
    found = error_reductions(truth=truth, before=before, after=after, seed=1)
    old, new = (micro_metrics(truth=truth, decision=arm) for arm in (before, after))
    reduction = found.false_negative_rate
    assert reduction.before == pytest.approx(1 - old.sensitivity)
    assert reduction.after == pytest.approx(1 - new.sensitivity)
    assert reduction.absolute.estimate == pytest.approx(new.sensitivity - old.sensitivity)
    gained = reduction.absolute.estimate
    assert reduction.relative.estimate == pytest.approx(gained / (1 - old.sensitivity))
    # One wrong decision is one false negative and one false positive of thrice as many cells.
    assert found.false_positive_rate.relative.estimate == pytest.approx(gained / reduction.before)
    assert found.false_positive_rate.absolute.estimate == pytest.approx(gained / 3)
    assert found.n_patients == 200

    branch = (0, 0, 1, 1)
    malignant = error_reductions(
        truth=to_level_1(labels=truth, level_1_of=branch),
        before=to_level_1(labels=before, level_1_of=branch),
        after=to_level_1(labels=after, level_1_of=branch),
        n_classes=2,
        of=1,
        seed=1,
    )
    missed = np.mean(before[:, truth >= 2] < 2)
    assert malignant.false_negative_rate.before == pytest.approx(missed)
    assert limits(malignant.false_negative_rate.absolute)[0] > 0


def test_no_error_before_has_no_relative_reduction():
    truth, before = decisions(n_readers=1, chance=1)
    found = error_reductions(truth=truth, before=before, after=(truth + 1) % 4, seed=1)
    assert found.false_negative_rate.relative is None
    assert found.false_negative_rate.absolute.estimate == -1


@pytest.mark.parametrize("method", METHODS)
def test_a_perfect_score_gives_a_point(method):
    found = bootstrap_auc(truth=[0, 0, 1, 1, 1], score=[1, 2, 3, 4, 5], method=method, seed=1)
    assert (found.estimate, *limits(found)) == (1, 1, 1)


def test_strata_keep_their_sizes_and_patients_their_chance():
    strata = np.repeat([0, 1, 2], [1, 9, 30])
    counts = drawn(n_patients=40, resamples=2000, strata=strata, seed=3)
    for name, size in ((0, 1), (1, 9), (2, 30)):
        assert (counts[:, strata == name].sum(axis=1) == size).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(40), abs=0.11)
    free = drawn(n_patients=40, resamples=2000, seed=3)
    assert (free.sum(axis=1) == 40).all()
    assert free[:, 0].std() == pytest.approx(np.sqrt(39 / 40), abs=0.1)


@pytest.mark.parametrize("strata", [None, np.arange(50) % 3])
def test_blocks_bound_the_memory_and_not_the_result(monkeypatch, strata):
    def in_blocks():
        blocks = list(resample_counts(n_patients=50, resamples=31, strata=strata, seed=4))
        return len(blocks), np.concatenate(blocks).tolist()

    _, whole = in_blocks()
    for draws, expected in ((1, 31), (7 * 50, 5), (30 * 50, 2)):
        monkeypatch.setattr(resampling_module, "_DRAWS_PER_BLOCK", draws)
        assert in_blocks() == (expected, whole)


@pytest.mark.parametrize("strata", [None, np.arange(80) % 3])
def test_samples_that_are_kept_are_those_that_are_drawn(monkeypatch, strata):
    wanted = {"n_patients": 80, "resamples": 301, "strata": strata}
    kept = [drawn(**wanted, seed=9) for _ in range(2)]
    kept[0][:] = 0  # whoever got them may write on them
    monkeypatch.setattr(resampling_module, "_DRAWS_KEPT", 0)
    assert np.array_equal(kept[1], drawn(**wanted, seed=9))
    assert np.array_equal(kept[1], drawn(**wanted, seed=np.random.default_rng(9)))


def test_statistics_together_are_what_they_are_alone():
    truth, decision = decisions()
    before, after = (
        metric_statistic(truth=truth, decision=arm, metric="ppv", of=2) for arm in decision
    )
    score = np.random.default_rng(3).random(truth.size)
    area = auc_statistic(truth=truth == 1, score=score)
    each = {
        "before": before,
        "difference": difference_of(before, after),
        "area": area,
        "mean": mean_of(before, area),
        "macro": metric_statistic(truth=truth, decision=decision, metric="npv", of="macro"),
    }
    together = bootstrap_statistics(statistics=each, resamples=300, seed=8)
    for name, statistic in each.items():
        alone = bootstrap_statistics(statistics={name: statistic}, resamples=300, seed=8)
        assert together[name] == alone[name]
        rows = [statistic(block) for block in resample_counts(n_patients=80, resamples=300, seed=8)]
        expected = np.nanquantile(np.concatenate(rows), [0.025, 0.975])
        assert limits(together[name]) == pytest.approx(expected, rel=1e-14)


def test_memory_grows_with_the_patients_and_not_with_the_resamples():
    truth, score = four_classes(100_000, decimals=9)
    statistics = {"micro": one_vs_rest_auc_statistics(truth=truth, score=score).micro}

    def peak(resamples):
        tracemalloc.start()
        bootstrap_statistics(statistics=statistics, resamples=resamples, seed=1)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(2), peak(12)
    assert many < 1.05 * few
    assert many < 8 * 100_000 * 25


def test_seed_and_generator_agree_and_other_seeds_differ():
    truth, score = four_classes(60)
    one, same, other = (
        bootstrap_one_vs_rest_auc(truth=truth, score=score, seed=seed)
        for seed in (6, np.random.default_rng(6), 7)
    )
    assert one == same
    assert one != other


def test_resamples_without_a_class_are_counted():
    """Three positives of thirty: an unstratified resample has none in 1 of 24."""
    truth = np.arange(30) < 3
    found = bootstrap_auc(
        truth=truth, score=np.arange(30) % 7, stratified=False, resamples=2000, seed=1
    )
    assert found.undefined == pytest.approx(2000 * 0.9**30, abs=35)
    assert found.interval.resamples == 2000 - found.undefined
    assert found.sampling == "patients"


def test_a_class_that_nobody_has():
    truth, score = four_classes(60)
    found = bootstrap_one_vs_rest_auc(truth=truth[truth != 1], score=score[truth != 1], seed=1)
    assert (found.macro, found.per_class[1]) == (None, None)
    assert found.per_class[0].estimate > 0.5


def test_bca_without_the_only_patient_of_a_class_is_refused():
    truth = np.arange(10) == 0
    with pytest.raises(ValueError, match="any one patient left out"):
        bootstrap_auc(truth=truth, score=np.arange(10) % 4, method="bca", seed=1)


def test_bca_with_every_resample_on_one_side_is_refused():
    truth, decision = decisions()
    with pytest.raises(ValueError, match="resamples on both sides"):
        bootstrap_metrics(truth=truth, decision=decision, method="bca", resamples=1, seed=1)


def test_bca_of_one_patient_is_refused():
    with pytest.raises(ValueError, match="at least 2 patients"):
        bootstrap_micro_metrics(correct=[[1], [0]], method="bca", seed=1)


def test_an_undefined_statistic_is_refused_by_name():
    with pytest.raises(ValueError, match="'ppv' is undefined for these patients"):
        bootstrap_metrics(truth=[0, 1], decision=[0, 0], metrics=["ppv"], of=1, seed=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"statistics": {}}, "statistics is empty"),
        ({"resamples": 0}, "resamples must be at least 1"),
        ({"level": 95}, "level must be strictly between 0 and 1, got 95"),
        ({"method": "normal"}, "method must be one of percentile, basic, bca"),
        ({"strata": [0, 1]}, r"strata must have shape \(3,\), got \(2,\)"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    good = {"statistics": {"AUC": auc_statistic(truth=[0, 1, 1], score=[1, 2, 3])}, "seed": 0}
    with pytest.raises(ValueError, match=message):
        bootstrap_statistics(**(good | change))


def test_arms_of_other_patients_or_classes_are_refused():
    truth, score = four_classes(60)
    wider = np.hstack([score, score[:, :1]])
    with pytest.raises(ValueError, match="against has 5 classes, but score has 4"):
        bootstrap_one_vs_rest_auc(truth=truth, score=score, against=wider, seed=1)
    statistics = {
        "a": auc_statistic(truth=[0, 1], score=[1, 2]),
        "b": auc_statistic(truth=[0, 1, 1], score=[1, 2, 3]),
    }
    with pytest.raises(ValueError, match="of the same patients"):
        bootstrap_statistics(statistics=statistics, seed=1)
