"""The metrics reproduce the printed figures of the published reader study.

Tables 2 and 3 of Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z, as
percentages with one decimal. Each printed triple (accuracy, sensitivity, specificity) must
come from one integer number of right decisions.

The paper did not always round the exact value to the nearest tenth. Of Table 2's 108 cells 98 are
rounded once; 6 more were rounded to hundredths first (71.345 to 71.35 to 71.4), which explains the
98 as well; 4 were cut off, and no rule can have made all of these: the same 64 of 105 is printed as
60.9 and as 61.0. Two cells of Table 3 are the mean of two printed values. So the check has two
parts: each cell is within one unit of the last printed digit, and those cells which rounding can't
explain are named one by one.
"""

import csv
from collections import defaultdict
from math import floor

import pytest

from analysis.stats import micro_metrics_from_correct
from readerstudy.demo.published.tables import DATA

METRICS = ("Accuracy", "Sensitivity", "Specificity")
MISPRINT = ("junior", "internal", "without")


def rows(name):
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))


COHORT_SIZE = {row["cohort"]: int(row["n"]) for row in rows("cohorts.csv")}


def printed_triples(name, who):
    """{(who, cohort, "without" or "with" AI): {metric: percentage}}."""
    triples = defaultdict(dict)
    for row in rows(name):
        for arm in ("without", "with"):
            triples[row[who], row["cohort"], arm][row["metric"]] = float(row[arm])
    return dict(triples)


READERS = printed_triples("table2.csv", "reader")
GROUPS = printed_triples("table3.csv", "group")


def percentages(correct, n):
    metrics = micro_metrics_from_correct(correct=correct, n=n)
    return {name: 100 * getattr(metrics, name.lower()) for name in METRICS}


def fitting_counts(printed, n):
    """Numbers right which put every printed metric within one unit of its last digit."""
    return [
        correct
        for correct in range(n + 1)
        if all(abs(percentages(correct, n)[name] - printed[name]) < 0.1 for name in printed)
    ]


def tenths(exact):
    """Rounded half up, at once and by way of hundredths."""
    return floor(10 * exact + 0.5), floor(floor(100 * exact + 0.5) / 10 + 0.5)


def cells(triples, readers):
    """(who, cohort, arm, metric), printed tenths, and the exact percentage, of every cell."""
    for key, printed in triples.items():
        n = readers * COHORT_SIZE[key[1]]
        (correct,) = fitting_counts(printed, n)
        for name, exact in percentages(correct, n).items():
            yield (*key, name), round(10 * printed[name]), exact


def unrounded_cells(triples, readers):
    """Cells that are not the exact value rounded, at once or by way of hundredths."""
    return {key for key, printed, exact in cells(triples, readers) if printed not in tenths(exact)}


def test_the_tables_are_whole():
    assert len(READERS) == 6 * 3 * 2
    assert len(GROUPS) == 3 * 3 * 2
    assert all(set(printed) == set(METRICS) for printed in [*READERS.values(), *GROUPS.values()])


@pytest.mark.parametrize("key", READERS, ids="-".join)
def test_each_reader_row_is_one_count(key):
    assert len(fitting_counts(READERS[key], COHORT_SIZE[key[1]])) == 1


@pytest.mark.parametrize("key", [key for key in GROUPS if key != MISPRINT], ids="-".join)
def test_each_group_row_is_one_count_of_two_pooled_readers(key):
    assert len(fitting_counts(GROUPS[key], 2 * COHORT_SIZE[key[1]])) == 1


@pytest.mark.parametrize("key", [key for key in GROUPS if key != MISPRINT], ids="-".join)
def test_a_group_count_is_the_sum_of_its_readers(key):
    group, cohort, arm = key
    pair = {"senior": "12", "middle": "34", "junior": "56"}[group]
    n = COHORT_SIZE[cohort]
    counts = [fitting_counts(READERS[reader, cohort, arm], n)[0] for reader in pair]
    assert fitting_counts(GROUPS[key], 2 * n) == [sum(counts)]


def test_reader_cells_are_rounded_by_way_of_hundredths():
    found = [(printed, *tenths(exact)) for _, printed, exact in cells(READERS, readers=1)]
    assert len(found) == 108
    assert sum(printed == once for printed, once, _ in found) == 98
    assert sum(printed == twice for printed, _, twice in found) == 104
    assert sum(printed in (once, twice) for printed, once, twice in found) == 104


def test_reader_cells_that_rounding_cannot_explain():
    """All are cut off after the first decimal: 60.95, 86.98 and 85.77."""
    assert unrounded_cells(READERS, readers=1) == {
        ("2", "external1", "without", "Sensitivity"),
        ("2", "external1", "without", "Specificity"),
        ("3", "external1", "without", "Sensitivity"),
        ("5", "internal", "without", "Specificity"),
    }


def test_no_rule_of_rounding_can_explain_every_reader_cell():
    """Cells of one metric with the same exact value are printed in two ways."""
    ways = defaultdict(set)
    for (*_, metric), printed, exact in cells(READERS, readers=1):
        ways[metric, round(exact, 9)].add(printed / 10)
    assert [prints for prints in ways.values() if len(prints) > 1] == [{60.9, 61.0}, {86.9, 87.0}]


def test_group_cells_that_rounding_cannot_explain():
    """Both are means of two printed values: (62.0 + 64.1) / 2 and (76.6 + 74.5) / 2."""
    sound = {key: printed for key, printed in GROUPS.items() if key != MISPRINT}
    assert unrounded_cells(sound, readers=2) == {
        ("middle", "external2", "with", "Sensitivity"),
        ("junior", "external2", "without", "Accuracy"),
    }


def test_the_one_misprint():
    """Its accuracy and specificity imply a sensitivity of 55.6; 58.8 is printed."""
    printed, n = GROUPS[MISPRINT], 2 * COHORT_SIZE["internal"]
    assert fitting_counts(printed, n) == []
    others = {name: value for name, value in printed.items() if name != "Sensitivity"}
    (correct,) = fitting_counts(others, n)
    assert round(percentages(correct, n)["Sensitivity"], 1) == 55.6
    assert printed["Sensitivity"] == 58.8
