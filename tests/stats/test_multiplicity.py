"""Adjusted p-values: against R's p.adjust, and with tests that could not be made."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats import adjust_p_values

quick = settings(deadline=None, max_examples=60, derandomize=True)

R_FILE = Path(__file__).parents[1] / "data" / "stats" / "p_adjust_r.json"
R = json.loads(R_FILE.read_text())
METHODS = ("holm", "benjamini-hochberg", "bonferroni")

families = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@pytest.mark.parametrize("method", METHODS)
def test_equals_r(method):
    result = adjust_p_values(p_values=R["p"], method=method)
    assert result.p_values == pytest.approx(R[method], rel=1e-14)
    assert (result.n_tests, result.method) == (8, method)


def test_holm_is_the_default():
    assert adjust_p_values(p_values=R["p"]) == adjust_p_values(p_values=R["p"], method="holm")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("absent", [None, np.nan])
def test_a_test_not_made_counts_for_nothing(method, absent):
    few = adjust_p_values(p_values=[0.01, 0.04, 0.03], method=method)
    with_gaps = adjust_p_values(p_values=[absent, 0.01, 0.04, absent, 0.03], method=method)
    first, second, third = few.p_values
    assert with_gaps.p_values == (None, first, second, None, third)
    assert with_gaps.n_tests == few.n_tests == 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", [[], [None, None]])
def test_no_test_at_all_is_no_error(method, family):
    result = adjust_p_values(p_values=family, method=method)
    assert result.p_values == tuple(family)
    assert result.n_tests == 0


@quick
@given(families, st.randoms(use_true_random=False), st.sampled_from(METHODS))
def test_order_is_nothing(family, random, method):
    order = random.sample(range(len(family)), len(family))
    plain = adjust_p_values(p_values=family, method=method).p_values
    moved = adjust_p_values(p_values=[family[k] for k in order], method=method).p_values
    assert moved == pytest.approx([plain[k] for k in order])


@quick
@given(families)
def test_holm_lies_between_no_correction_and_bonferroni(family):
    adjusted = {
        method: np.array(adjust_p_values(p_values=family, method=method).p_values)
        for method in METHODS
    }
    assert np.all(np.array(family) <= adjusted["benjamini-hochberg"] + 1e-15)
    assert np.all(adjusted["benjamini-hochberg"] <= adjusted["holm"] + 1e-15)
    assert np.all(adjusted["holm"] <= adjusted["bonferroni"] + 1e-15)
    assert np.all(adjusted["bonferroni"] <= 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p_values": [0.2, 1.1]}, "p_values must lie between 0 and 1"),
        ({"p_values": [-0.1]}, "p_values must lie between 0 and 1"),
        ({"p_values": [[0.1]]}, r"p_values must have shape \(n,\)"),
        ({"method": "fdr"}, "method must be one of holm, benjamini-hochberg, bonferroni"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        adjust_p_values(**({"p_values": [0.1]} | change))
