import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.clahdm.hierarchical_probabilities import SUB_MODELS, HierarchicalProbabilities
from readerstudy.diagnosis import Etiology, Malignancy, Modality

probability = st.floats(0, 1)
anything = st.builds(
    HierarchicalProbabilities, probability, probability, probability, threshold=probability
)


def test_worked_example():
    benign = HierarchicalProbabilities(0.25, 0.75, 0.125)
    assert benign.malignancy is Malignancy.BENIGN
    assert benign.etiology is Etiology.TUBERCULOUS
    assert benign.gated() == (0.25, 0.75, 0.0, 0.0)
    assert benign.soft() == (0.1875, 0.5625, 0.21875, 0.03125)

    malignant = HierarchicalProbabilities(0.75, 0.75, 0.125)
    assert malignant.malignancy is Malignancy.MALIGNANT
    assert malignant.etiology is Etiology.LYMPHOMA
    assert malignant.gated() == (0.0, 0.0, 0.875, 0.125)


@given(anything)
def test_gated_keeps_one_branch_and_sums_to_one(case):
    gated = case.gated()
    chosen, other = (2, 0) if case.p_malignant >= case.threshold else (0, 2)
    p = case.p_metastatic if chosen == 2 else case.p_tuberculous
    assert gated[chosen : chosen + 2] == (1 - p, p)
    assert gated[other : other + 2] == (0, 0)
    assert math.isclose(math.fsum(gated), 1, abs_tol=1e-15)


@given(anything)
def test_soft_has_the_gate_as_margin_and_sums_to_one(case):
    soft = case.soft()
    assert all(0 <= p <= 1 for p in soft)
    assert math.isclose(soft[2] + soft[3], case.p_malignant, abs_tol=1e-15)
    assert math.isclose(math.fsum(soft), 1, abs_tol=1e-15)


@given(anything)
def test_etiology_is_of_the_branch_and_the_likeliest(case):
    gated = case.gated()
    assert case.etiology.malignancy is case.malignancy
    assert gated[case.etiology.class_index] == max(gated)


@given(st.floats(0, 1, exclude_min=True))
def test_gate_says_malignant_from_the_threshold_on(threshold):
    at = HierarchicalProbabilities(threshold, 0, 0, threshold=threshold)
    below = HierarchicalProbabilities(math.nextafter(threshold, 0), 0, 0, threshold=threshold)
    assert (at.malignancy, below.malignancy) == (Malignancy.MALIGNANT, Malignancy.BENIGN)


def test_ties_go_to_the_positive_class():
    assert HierarchicalProbabilities(0.5, 0, 0.5).etiology is Etiology.METASTATIC
    assert HierarchicalProbabilities(0.0, 0.5, 0).etiology is Etiology.TUBERCULOUS


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, 1.0000001])
@pytest.mark.parametrize("name", ["p_malignant", "p_tuberculous", "p_metastatic", "threshold"])
def test_refuses_what_is_no_probability(name, value):
    valid = {"p_malignant": 0.1, "p_tuberculous": 0.2, "p_metastatic": 0.3}
    with pytest.raises(ValueError, match=name):
        HierarchicalProbabilities(**{**valid, name: value})


def test_cannot_be_changed():
    case = HierarchicalProbabilities(0.1, 0.2, 0.3)
    with pytest.raises(FrozenInstanceError):
        case.p_malignant = 0.9


def test_sub_models_in_the_papers_numbering():
    assert list(SUB_MODELS.items()) == [
        ("malignancy", (Malignancy.BENIGN, Malignancy.MALIGNANT)),
        ("benign", (Etiology.REACTIVE, Etiology.TUBERCULOUS)),
        ("malignant", (Etiology.LYMPHOMA, Etiology.METASTATIC)),
    ]
    assert list(Modality) == ["bus", "cdfi"]


def test_a_branch_that_was_not_run_is_not_missed_by_the_gate():
    benign = HierarchicalProbabilities(0.25, 0.75, None)
    assert benign.etiology is Etiology.TUBERCULOUS
    assert benign.gated() == (0.25, 0.75, 0.0, 0.0)
    with pytest.raises(ValueError, match="all three sub-models"):
        benign.soft()


@pytest.mark.parametrize("numbers", [(0.25, None, 0.5), (0.5, 0.5, None), (None, 0.5, 0.5)])
def test_refuses_a_gap_where_the_gate_looks(numbers):
    with pytest.raises(ValueError, match=r"not run|p_malignant"):
        HierarchicalProbabilities(*numbers)
