"""The draw: every case once, the same from the same seed, foreseeable from nothing else."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from readerstudy.reading.randomisation import CaseKey, draw_order

CASES = [CaseKey("a", str(n)) for n in range(8)] + [CaseKey("b", str(n)) for n in range(4)]
SETTINGS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**63 - 1),
        "reader": st.text(max_size=5),
        "stage": st.sampled_from([1, 2]),
        "stratify": st.booleans(),
    }
)


@given(SETTINGS)
def test_every_case_has_one_place(settings):
    assert Counter(draw_order(cases=CASES, **settings)) == Counter(CASES)


@given(SETTINGS, st.permutations(CASES))
def test_the_order_in_which_cases_are_named_does_not_matter(settings, shuffled):
    assert draw_order(cases=CASES, **settings) == draw_order(cases=shuffled, **settings)


@pytest.mark.parametrize("changed", [{"seed": 2}, {"reader": "R2"}, {"stage": 2}])
@pytest.mark.parametrize("stratify", [True, False])
def test_another_seed_reader_or_stage_is_another_order(changed, stratify):
    base = {"seed": 1, "reader": "R1", "stage": 1, "stratify": stratify}
    assert draw_order(cases=CASES, **base) != draw_order(cases=CASES, **base | changed)


@pytest.mark.parametrize("stratify", [True, False])
def test_every_place_is_as_likely_for_every_case_of_a_cohort(stratify):
    """Chi-squared over 4,000 draws; the seeds are fixed, so this can't fail by chance."""
    places = Counter()
    for seed in range(4000):
        order = draw_order(cases=CASES, seed=seed, reader="R1", stage=1, stratify=stratify)
        places.update((case, place) for place, case in enumerate(order) if case.cohort == "a")
    for place in range(len(CASES)):
        counts = [places[case, place] for case in CASES if case.cohort == "a"]
        assert chisquare(counts).pvalue > 1e-4


def test_stratified_spreads_each_cohort_evenly():
    for seed in range(50):
        order = draw_order(cases=CASES, seed=seed, reader="R1", stage=1, stratify=True)
        halves = [Counter(case.cohort for case in order[at : at + 6]) for at in (0, 6)]
        assert all(abs(half["b"] - 2) <= 1 for half in halves)


def test_a_case_named_twice_is_refused():
    with pytest.raises(ValueError, match="named twice"):
        draw_order(cases=[*CASES, CASES[0]], seed=1, reader="R1", stage=1, stratify=False)
