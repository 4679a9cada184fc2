"""Changes of mind and reliance: a study counted by hand, identities, and symmetries."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.stats import Rate, rate, reliance

quick = settings(deadline=None, max_examples=60, derandomize=True)

# Eight patients of class 0. The model is right on the first four, then says 1.
TRUTH = [0] * 8
MODEL = [0, 0, 0, 0, 1, 1, 1, 1]
UNAIDED = [0, 2, 2, 2, 0, 0, 0, 1]
AIDED = [0, 0, 2, 3, 0, 1, 2, 1]


@st.composite
def small_studies(draw):
    n_classes = draw(st.integers(2, 4))
    n_readers, n_patients = draw(st.integers(1, 3)), draw(st.integers(1, 20))
    labels = st.integers(0, n_classes - 1)
    shapes = [n_patients, n_patients, (n_readers, n_patients), (n_readers, n_patients)]
    truth, model, unaided, aided = (
        draw(arrays(np.int64, shape, elements=labels)) for shape in shapes
    )
    return {
        "truth": truth,
        "model": model,
        "unaided": unaided,
        "aided": aided,
        "n_classes": n_classes,
    }


def counts(one):
    return {
        field.name: (value.count, value.n)
        for field in fields(one)
        if isinstance(value := getattr(one, field.name), Rate)
    }


def test_eight_patients_by_hand():
    result = reliance(truth=TRUTH, model=MODEL, unaided=UNAIDED, aided=AIDED)
    one = result.pooled
    assert (one.n_readers, one.n_patients, len(result.readers)) == (1, 8, 1)
    assert counts(one) == {
        "over_reliance": (1, 3),
        "self_reliance": (1, 3),
        "followed_wrong": (2, 4),
        "under_reliance": (2, 3),
        "ai_reliance": (1, 3),
        "refused_right": (2, 4),
    }
    assert one.switches.n == 8
    assert counts(one.switches) == {
        "beneficial": (1, 4),
        "neutral": (1, 4),
        "kept_wrong": (2, 4),
        "harmful": (2, 4),
        "kept_right": (2, 4),
    }
    assert one.switches_model_right.n == 4
    assert counts(one.switches_model_right) == {
        "beneficial": (1, 3),
        "neutral": (1, 3),
        "kept_wrong": (1, 3),
        "harmful": (0, 1),
        "kept_right": (1, 1),
    }
    assert counts(one.switches_model_wrong)["harmful"] == (2, 3)
    assert one.over_reliance == rate(count=1, n=3)
    assert one.over_reliance.method == "Wilson"


def test_pooled_decisions_are_not_called_independent():
    result = reliance(
        truth=TRUTH, model=MODEL, unaided=[UNAIDED, AIDED], aided=[AIDED, AIDED], level=0.9
    )
    assert result.pooled.n_readers == 2
    assert result.pooled.over_reliance.method == "Wilson, as if independent"
    assert result.readers[0].over_reliance.method == "Wilson"
    assert result.pooled.over_reliance.level == 0.9


@quick
@given(small_studies())
def test_the_parts_add_up(study):
    result = reliance(**study)
    for one in (*result.readers, result.pooled):
        for switches in (one.switches, one.switches_model_right, one.switches_model_wrong):
            wrong = switches.beneficial.n
            parts = (switches.beneficial, switches.neutral, switches.kept_wrong)
            assert sum(part.count for part in parts) == wrong
            assert switches.harmful.count + switches.kept_right.count == switches.harmful.n
            assert wrong + switches.harmful.n == switches.n
        for name, (count, n) in counts(one.switches).items():
            right, wrong = (
                counts(part)[name] for part in (one.switches_model_right, one.switches_model_wrong)
            )
            assert (count, n) == (right[0] + wrong[0], right[1] + wrong[1])
        assert one.under_reliance.count + one.ai_reliance.count == one.ai_reliance.n
        assert one.over_reliance.count + one.self_reliance.count <= one.over_reliance.n


@quick
@given(small_studies())
def test_the_change_in_accuracy_is_beneficial_less_harmful(study):
    switches = reliance(**study).pooled.switches
    gained = (study["aided"] == study["truth"]).sum() - (study["unaided"] == study["truth"]).sum()
    assert switches.beneficial.count - switches.harmful.count == gained


@quick
@given(small_studies())
def test_pooled_counts_are_the_readers_sums(study):
    result = reliance(**study)
    for name, (count, n) in counts(result.pooled).items():
        parts = [counts(one)[name] for one in result.readers]
        assert (count, n) == tuple(np.sum(parts, axis=0))


@quick
@given(small_studies(), st.randoms(use_true_random=False))
def test_relabelling_the_classes_changes_nothing(study, random):
    names = np.array(random.sample(range(study["n_classes"]), study["n_classes"]))
    renamed = {key: value if key == "n_classes" else names[value] for key, value in study.items()}
    assert reliance(**renamed) == reliance(**study)


@quick
@given(small_studies())
def test_with_two_classes_a_wrong_turn_is_the_models(study):
    """So over-reliance and self-reliance are each other's complement."""
    two = {key: value if key == "n_classes" else value % 2 for key, value in study.items()}
    one = reliance(**two).pooled
    assert one.over_reliance.count + one.self_reliance.count == one.over_reliance.n
    assert one.switches.neutral.count == 0


def test_nothing_to_count_has_no_share():
    one = reliance(truth=[0, 1], model=[0, 1], unaided=[0, 1], aided=[0, 1]).pooled
    assert (one.over_reliance.n, one.over_reliance.share) == (0, None)
    assert (one.under_reliance.n, one.under_reliance.low) == (0, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aided": [AIDED, AIDED]}, r"aided has shape \(2, 8\), but unaided has \(8,\)"),
        ({"model": MODEL[1:]}, "model has 7 patients, but truth has 8"),
        ({"unaided": [4] * 8}, "unaided must hold class indices in 0 ... 3"),
        ({"n_classes": 1}, "n_classes must be at least 2"),
        ({"level": 0}, "level must be strictly between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    arguments = {"truth": TRUTH, "model": MODEL, "unaided": UNAIDED, "aided": AIDED}
    with pytest.raises(ValueError, match=message):
        reliance(**(arguments | change))
