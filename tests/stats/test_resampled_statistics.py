"""Statistics of weighted patients: against copied patients, left-out patients and all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats import (
    RatioOfSums,
    auc_statistic,
    class_metrics,
    difference_of,
    estimate_of,
    macro_metrics,
    mean_of,
    metric_statistic,
    micro_metrics,
    one_vs_rest_auc_statistics,
    one_vs_rest_roc,
    relative_reduction_of,
)
from tests.stats.simulated import auc_by_pairs, four_classes
from tests.stats.test_confusion import diagnoses
from tests.stats.test_roc import scored

quick = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def weighted(draw, n_patients, rows=5):
    counts = st.lists(st.integers(0, 3), min_size=n_patients, max_size=n_patients)
    return np.array([draw(counts) for _ in range(rows)], dtype=float)


@quick
@given(st.data())
def test_a_weight_is_so_many_copies_of_the_patient(data):
    truth, score = data.draw(scored())
    weights = data.draw(weighted(truth.size))
    found = auc_statistic(truth=truth, score=score)(weights)
    for row, value in zip(weights.astype(int), found, strict=True):
        copied = np.repeat(truth, row)
        if copied.size == 0 or copied.all() or not copied.any():
            assert np.isnan(value)
        else:
            assert value == pytest.approx(auc_by_pairs(copied, np.repeat(score, row)), abs=1e-14)


@quick
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(2, 5))
def test_a_weight_is_so_many_copies_of_the_patient_in_every_class(seed, decimals, n_classes):
    rng = np.random.default_rng(seed)
    truth, score = four_classes(3 * n_classes, seed, decimals, n_classes)
    weights = rng.multinomial(truth.size, np.full(truth.size, 1 / truth.size), size=3) + 0.0
    weights[:, :n_classes] += 1
    statistics = one_vs_rest_auc_statistics(truth=truth, score=score).named()
    found = {name: statistic(weights) for name, statistic in statistics.items()}
    for i, row in enumerate(weights.astype(int)):
        copied = one_vs_rest_roc(truth=np.repeat(truth, row), score=np.repeat(score, row, axis=0))
        assert found["micro"][i] == pytest.approx(copied.micro.auc, abs=1e-14)
        if copied.macro_auc is not None:
            assert found["macro"][i] == pytest.approx(copied.macro_auc, abs=1e-14)
            for k in range(n_classes):
                assert found[k][i] == pytest.approx(copied.per_class[k].auc, abs=1e-14)


def test_fractions_for_weights():
    """By the definition: a sum over all pairs of cells, each with its patients' weights."""
    truth, score = four_classes(20)
    weights = np.random.default_rng(0).random((2, 20))
    found = one_vs_rest_auc_statistics(truth=truth, score=score).micro(weights)
    positive = np.eye(4, dtype=bool)[truth].ravel()
    cells, cell_score = np.repeat(weights, 4, axis=1), score.ravel()
    a, b = cell_score[positive][:, None], cell_score[~positive][None, :]
    wins = (a > b) + 0.5 * (a == b)
    for row, value in zip(cells, found, strict=True):
        expected = row[positive] @ wins @ row[~positive]
        assert value == pytest.approx(expected / row[positive].sum() / row[~positive].sum())


@quick
@given(st.data())
def test_leaving_out_is_a_weight_of_0(data):
    """In closed form for each patient, equal to the AUC of all the others."""
    truth, score = data.draw(scored())
    statistic = auc_statistic(truth=truth, score=score)
    by_weights = statistic(1 - np.eye(truth.size))
    assert statistic.leave_one_out() == pytest.approx(by_weights, abs=1e-14, nan_ok=True)


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_leaving_out_a_patient_takes_all_its_cells(decimals):
    truth, score = four_classes(40, decimals=decimals)
    for statistic in one_vs_rest_auc_statistics(truth=truth, score=score).named().values():
        assert statistic.leave_one_out() == pytest.approx(statistic(1 - np.eye(40)), abs=1e-14)
    without_third = one_vs_rest_roc(truth=np.delete(truth, 3), score=np.delete(score, 3, axis=0))
    micro = one_vs_rest_auc_statistics(truth=truth, score=score).micro
    assert micro.leave_one_out()[3] == pytest.approx(without_third.micro.auc, abs=1e-14)


def test_whole_weights_give_exact_ratios():
    """Equal resamples give equal doubles, whatever order the patients are in."""
    truth, score = four_classes(50)
    micro = one_vs_rest_auc_statistics(truth=truth, score=score).micro
    order = np.random.default_rng(5).permutation(50)
    again = one_vs_rest_auc_statistics(truth=truth[order], score=score[order]).micro
    weights = np.random.default_rng(6).integers(0, 4, (30, 50)).astype(float)
    assert micro(weights).tolist() == again(weights[:, order]).tolist()
    assert estimate_of(micro) == one_vs_rest_roc(truth=truth, score=score).micro.auc


def test_memory_order_blocks_and_the_kind_of_number_leave_the_values_alone():
    truth, score = four_classes(300)
    micro = one_vs_rest_auc_statistics(truth=truth, score=score).micro
    weights = np.random.default_rng(7).integers(0, 4, (9, 300)).astype(float)
    whole = micro(weights)
    assert micro(np.asfortranarray(weights)).tolist() == whole.tolist()
    assert np.concatenate([micro(weights[:4]), micro(weights[4:])]).tolist() == whole.tolist()
    for kind in (np.int64, np.int8, np.uint8):
        assert micro(weights.astype(kind)).tolist() == whole.tolist()
    assert micro(weights > 0).tolist() == micro((weights > 0).astype(float)).tolist()


@quick
@given(diagnoses(), st.integers(0, 2**32))
def test_metrics_at_weight_1_and_at_copies(case, seed):
    truth, decision, n_classes = case
    counts = np.random.default_rng(seed).integers(0, 3, truth.size)
    counts[0] += 1
    copied = dict(truth=np.repeat(truth, counts), decision=np.repeat(decision, counts, axis=1))
    micro = micro_metrics(**copied, n_classes=n_classes)
    macro = macro_metrics(**copied, n_classes=n_classes)
    per_class = class_metrics(**copied, n_classes=n_classes)
    for metric in ("sensitivity", "specificity", "accuracy", "ppv", "npv"):
        expected = {"macro": getattr(macro, metric)}
        expected |= {k: getattr(per_class[k], metric) for k in range(n_classes)}
        if metric in ("sensitivity", "specificity", "accuracy"):
            expected["micro"] = getattr(micro, metric)
        for of, value in expected.items():
            statistic = metric_statistic(
                truth=truth, decision=decision, metric=metric, of=of, n_classes=n_classes
            )
            found = statistic(counts[np.newaxis])[0]
            assert found == pytest.approx(np.nan if value is None else value, nan_ok=True)
            by_weights = statistic(1 - np.eye(truth.size))
            assert statistic.leave_one_out() == pytest.approx(by_weights, nan_ok=True)


@quick
@given(diagnoses())
def test_error_rates_are_what_the_metrics_leave(case):
    truth, decision, n_classes = case
    arguments = dict(truth=truth, decision=decision, n_classes=n_classes)
    for rate, metric in (
        ("false_negative_rate", "sensitivity"),
        ("false_positive_rate", "specificity"),
    ):
        for of in ("micro", 0):
            error = estimate_of(metric_statistic(**arguments, metric=rate, of=of))
            right = estimate_of(metric_statistic(**arguments, metric=metric, of=of))
            assert error == pytest.approx(1 - right, nan_ok=True)


def test_combinations():
    half = RatioOfSums(numerator=np.array([1.0, 0.0]), denominator=np.ones(2))
    all_of = RatioOfSums(numerator=np.ones(2), denominator=np.ones(2))
    none = RatioOfSums(numerator=np.zeros(2), denominator=np.ones(2))
    assert estimate_of(mean_of(half, all_of)) == 0.75
    assert estimate_of(difference_of(half, all_of)) == -0.5
    assert estimate_of(relative_reduction_of(all_of, half)) == 0.5
    assert np.isnan(estimate_of(relative_reduction_of(none, half)))
    assert difference_of(half, all_of).leave_one_out().tolist() == [-1, 0]


def test_statistics_of_other_patients_do_not_combine():
    one = RatioOfSums(numerator=np.ones(2), denominator=np.ones(2))
    other = RatioOfSums(numerator=np.ones(3), denominator=np.ones(3))
    with pytest.raises(ValueError, match="of the same patients"):
        difference_of(one, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "recall"}, "metric must be one of sensitivity"),
        ({"of": "weighted"}, "of must be micro, macro or a class in 0 ... 3"),
        ({"of": 4}, "of must be micro, macro or a class"),
        ({"truth": [0, 5]}, "truth must hold class indices"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    good = {"truth": [0, 1], "decision": [1, 1], "metric": "sensitivity", "of": "micro"}
    with pytest.raises(ValueError, match=message):
        metric_statistic(**(good | change))
