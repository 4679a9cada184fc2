"""Rows of a baseline table: summaries by hand, the test asked for, and what is missing."""

import numpy as np
import pytest

from analysis.stats import (
    anova,
    baseline_variable,
    chi_squared,
    fisher_exact,
    kruskal_wallis,
    mann_whitney,
    t_test,
)

AGES = [30.0, 40, 50, None, 20, 60, 70, 35, 45]
HOSPITAL = ["one"] * 4 + ["two"] * 3 + ["three"] * 2
SEX = ["f", "m", "f", "f", "m", None, "m", "m", "f"]


def ages(*names):
    return [
        [age for age, where in zip(AGES, HOSPITAL, strict=True) if where == name and age]
        for name in names
    ]


def test_continuous_row():
    row = baseline_variable(values=AGES, cohorts=HOSPITAL, kind="continuous")
    assert (row.cohorts, row.categories) == (("one", "two", "three"), ())
    one = row.summaries[0]
    assert (one.n, one.missing, one.mean, one.sd, one.median) == (3, 1, 40, 10, 40)
    assert (one.quartiles, one.extremes) == ((35, 45), (30, 50))
    assert (row.overall.n, row.overall.missing) == (8, 1)
    assert row.overall.mean == pytest.approx(43.75)
    assert row.comparison == kruskal_wallis(groups=ages("one", "two", "three"))
    assert row.smallest_expected is None


def test_quartiles_are_of_type_7():
    """R: quantile(c(1, 2, 4, 8), c(0.25, 0.75)) is 1.75 and 5."""
    row = baseline_variable(values=[1, 2, 4, 8], cohorts=[0] * 4, kind="continuous")
    assert row.overall.quartiles == (1.75, 5)


@pytest.mark.parametrize(
    ("test", "two", "three"),
    [
        ("rank", lambda a, b: mann_whitney(first=a, second=b), kruskal_wallis),
        ("mean", lambda a, b: t_test(first=a, second=b), anova),
        (
            "welch",
            lambda a, b: t_test(first=a, second=b, equal_variances=False),
            lambda groups: anova(groups=groups, equal_variances=False),
        ),
    ],
)
def test_the_test_asked_for_is_the_one_made(test, two, three):
    row = baseline_variable(values=AGES, cohorts=HOSPITAL, kind="continuous", test=test)
    assert row.comparison == three(groups=ages("one", "two", "three"))
    row = baseline_variable(values=AGES[:7], cohorts=HOSPITAL[:7], kind="continuous", test=test)
    assert row.comparison == two(*ages("one", "two"))


def test_categorical_row():
    row = baseline_variable(values=SEX, cohorts=HOSPITAL, kind="categorical")
    assert row.categories == ("f", "m")
    assert [summary.counts for summary in row.summaries] == [(3, 1), (0, 2), (1, 1)]
    assert [summary.missing for summary in row.summaries] == [0, 1, 0]
    assert row.summaries[0].shares == (0.75, 0.25)
    assert (row.overall.n, row.overall.counts) == (8, (4, 4))
    assert row.comparison == chi_squared(table=[[3, 1], [0, 2], [1, 1]])
    assert row.smallest_expected == pytest.approx(1)


def test_fisher_and_yates_are_made_when_asked_for():
    arguments = {"values": SEX[:7], "cohorts": HOSPITAL[:7], "kind": "categorical"}
    table = [[3, 1], [0, 2]]
    row = baseline_variable(**arguments, test="fisher")
    assert row.comparison == fisher_exact(table=table)
    row = baseline_variable(**arguments, test="chi-squared-corrected")
    assert row.comparison == chi_squared(table=table, correct=True)
    larger = baseline_variable(
        values=SEX, cohorts=HOSPITAL, kind="categorical", test="fisher", seed=5
    )
    assert larger.comparison == fisher_exact(table=[[3, 1], [0, 2], [1, 1]], seed=5)


def test_the_orders_asked_for_are_kept():
    row = baseline_variable(
        values=SEX,
        cohorts=HOSPITAL,
        kind="categorical",
        cohort_order=["three", "two", "one"],
        categories=["x", "m", "f"],
    )
    assert row.cohorts == ("three", "two", "one")
    assert [summary.counts for summary in row.summaries] == [(0, 1, 1), (0, 2, 0), (0, 1, 3)]
    plain = baseline_variable(values=SEX, cohorts=HOSPITAL, kind="categorical")
    assert row.comparison.p_value == pytest.approx(plain.comparison.p_value)


def test_arrays_do_as_well_as_lists():
    lists = baseline_variable(values=SEX, cohorts=HOSPITAL, kind="categorical")
    arrays = baseline_variable(
        values=np.array(SEX, dtype=object), cohorts=np.array(HOSPITAL), kind="categorical"
    )
    assert arrays == lists
    codes = np.array([np.nan if sex is None else float(sex == "m") for sex in SEX])
    coded = baseline_variable(values=codes, cohorts=HOSPITAL, kind="categorical")
    assert coded.categories == (0.0, 1.0)
    assert coded.comparison == lists.comparison


def test_one_cohort_is_described_without_a_test():
    for kind, values in (("continuous", AGES), ("categorical", SEX)):
        row = baseline_variable(values=values, cohorts=["one"] * 9, kind=kind)
        assert row.comparison is None
        assert row.summaries == (row.overall,)


@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_a_cohort_without_values_is_described_without_a_test(kind):
    row = baseline_variable(values=[None, None, 3, 4], cohorts=[1, 1, 2, 2], kind=kind)
    assert (row.summaries[0].n, row.summaries[0].missing) == (0, 2)
    assert row.comparison is None


def test_one_value_has_no_deviation():
    row = baseline_variable(values=[1, 2, 3], cohorts=[0, 0, 1], kind="continuous", test="mean")
    assert row.summaries[1].sd is None
    assert row.comparison is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "ordinal"}, "kind must be one of continuous, categorical"),
        ({"test": "fisher"}, "test of a continuous variable must be one of rank, mean, welch"),
        ({"values": [1, 2]}, "cohorts has 3 patients, but values has 2"),
        ({"values": [1, 2, np.inf]}, "values of a continuous variable must be finite"),
        ({"values": [1, 2, "old"]}, "values of a continuous variable must be numbers"),
        ({"cohorts": [0, None, 1]}, "cohorts is missing for patient 1"),
        ({"cohort_order": [0]}, "cohorts has 1 for patient 2, counted from 0, but the order"),
        ({"cohorts": [], "values": []}, "cohorts is empty"),
        (
            {"kind": "categorical", "test": "chi-squared-corrected"},
            "correct is for 2 groups and 2 categories",
        ),
        (
            {"kind": "categorical", "categories": [1, 2]},
            "values has 3 for patient 2, counted from 0, but the order given has only 1, 2",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    arguments = {"values": [1, 2, 3], "cohorts": [0, 0, 1], "kind": "continuous"}
    with pytest.raises(ValueError, match=message):
        baseline_variable(**(arguments | change))
