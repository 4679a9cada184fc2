"""Which printed marks and p-values can be met at all, by searching every count.

Decisions are made for every possible set of counts and tested as the platform tests them, so that
nothing rests on the formulae of the rebuilding.
"""

from dataclasses import astuple
from itertools import product

import numpy as np
import pytest

from analysis.stats import mcnemar_one_vs_rest, paired_permutation
from readerstudy.demo.published.fit_significance_marks import (
    Marks,
    fit_aided_vs_unaided,
    fit_marks,
    fit_model_vs_unaided,
    marks_of_counts,
)
from readerstudy.demo.published.tables import published_cohorts

COHORTS = {cohort.name: cohort for cohort in published_cohorts()}


def marks_of(n, b, c, d, *, both_right):
    """The marks of two arms: b cases right in the first alone, c in the second alone, both right,
    d wrong under different names, the rest wrong under the same."""
    truth, first, second = np.zeros((3, n), dtype=int)
    wrong = slice(both_right + b + c, n)
    second[both_right : both_right + b] = 1
    first[both_right + b : both_right + b + c] = 1
    first[wrong] = second[wrong] = 1
    second[n - d :] = 2
    tests = mcnemar_one_vs_rest(truth=truth, decision_a=first, decision_b=second, method="chi2")
    return tuple(
        sum(test.p_value < level for level in (0.05, 0.01, 0.001))
        for test in (tests.accuracy, tests.sensitivity, tests.specificity)
    )


def every_count(n, right_a, right_b):
    """(b, c, d, both right) of two arms with so many right of n."""
    for both in range(max(0, right_a + right_b - n), min(right_a, right_b) + 1):
        wrong = n - right_a - right_b + both
        for d in range(wrong + 1):
            yield right_a - both, right_b - both, d, both


@pytest.mark.parametrize("reader", [3, 4, 5, 6])
def test_the_model_against_readers_3_to_6_in_external_2_cannot_be_met(reader):
    """No counts give all three marks. Two can be met, and accuracy's is always the third."""
    cohort = COHORTS["external2"]
    counts = cohort.readers[reader - 1]
    printed = astuple(counts.model_vs_unaided)
    agree = [
        tuple(ours == theirs for ours, theirs in zip(found, printed, strict=True))
        for b, c, d, both in every_count(cohort.size, cohort.model_correct, counts.unaided)
        for found in [marks_of(cohort.size, b, c, d, both_right=both)]
    ]
    assert max(map(sum, agree)) == 2
    assert {met for met in agree if sum(met) == 2} == {(False, True, True)}


def test_the_other_32_rows_can_be_met():
    rows = {}
    for cohort in COHORTS.values():
        for index, reader in enumerate(cohort.readers):
            for against, right, printed, fits in (
                (
                    "model",
                    cohort.model_correct,
                    reader.model_vs_unaided,
                    fit_model_vs_unaided(cohort, index),
                ),
                (
                    "itself",
                    reader.aided,
                    reader.aided_vs_unaided,
                    fit_aided_vs_unaided(cohort, index),
                ),
            ):
                rows[index + 1, cohort.name, against] = fits.marks_met
                both, (d, *_) = next(iter(fits.different_names.items()))
                found = marks_of(
                    cohort.size, right - both, reader.unaided - both, d, both_right=both
                )
                met = sum(a == b for a, b in zip(found, astuple(printed), strict=True))
                assert met == fits.marks_met
    assert len(rows) == 36
    assert {row for row, met in rows.items() if met < 3} == {
        (reader, "external2", "model") for reader in (3, 4, 5, 6)
    }


def test_reader_2_in_external_2_is_right_wherever_the_model_is_wrong():
    cohort = COHORTS["external2"]
    [both] = fit_model_vs_unaided(cohort, 1).different_names
    assert cohort.readers[1].unaided - both == cohort.size - cohort.model_correct


def test_the_marks_of_counts_are_those_of_decisions():
    rng = np.random.default_rng(5)
    seen = set()
    for _ in range(300):
        b, c, d, same, both = (int(x) for x in rng.integers(0, 40, size=5))
        found = marks_of_counts(b=b, c=c, d=d)
        n = b + c + d + same + both + 1
        assert astuple(found) == marks_of(n, b, c, d, both_right=both)
        seen.add(found)
    assert len(seen) > 8


def test_marks_that_every_count_meets_leave_every_count_open():
    fits = fit_marks(n=6, correct_a=3, correct_b=3, printed=Marks(0, 0, 0))
    assert fits.different_names == {both: tuple(range(both + 1)) for both in range(4)}


def test_more_right_than_cases_is_refused():
    with pytest.raises(ValueError, match="7 and 3 right of 6"):
        fit_marks(n=6, correct_a=7, correct_b=3, printed=Marks(0, 0, 0))


def greatest_p(cohort, members):
    """Of the model against a group without AI, whatever its readers have right, with the marks."""
    readers = [cohort.readers[member] for member in members]
    n, m = cohort.size, cohort.model_correct
    both_with_model = (fit_model_vs_unaided(cohort, member).different_names for member in members)
    patterns = set()
    for b1, b2 in product(*both_with_model):
        # Cases where reader 1 or 2 differs from the model: p where it is right, q where wrong.
        p1, p2 = m - b1, m - b2
        q1, q2 = readers[0].unaided - b1, readers[1].unaided - b2
        for p, q in product(
            range(max(0, p1 + p2 - m), min(p1, p2) + 1),
            range(max(0, q1 + q2 - (n - m)), min(q1, q2) + 1),
        ):
            twos = p + q
            patterns.add((p1 + p2 + q1 + q2 - 2 * twos, twos))
    difference = 2 * m - sum(reader.unaided for reader in readers)
    return max(permutation_p(ones, twos, difference) for ones, twos in patterns)


def permutation_p(ones, twos, difference):
    """Of two pairs of arms that differ by one and by two on so many cases."""
    plus = (difference + ones + 2 * twos) // 2  # the sum of the positive differences
    plus_twos = min(twos, plus // 2)
    plus_ones = plus - 2 * plus_twos
    first, second = np.zeros((2, 2, ones + twos), dtype=bool)
    first[0, :plus_ones] = second[0, plus_ones:ones] = True
    first[:, ones : ones + plus_twos] = second[:, ones + plus_twos :] = True
    return paired_permutation(a=first, b=second).p_value


def test_the_juniors_p_value_against_the_model_in_external_2_cannot_be_met():
    """It is printed above 0.05, and can't be."""
    cohort = COHORTS["external2"]
    assert min(cohort.groups["junior"].model_vs_unaided) > 0.05
    assert greatest_p(cohort, (4, 5)) < 0.03


def test_as_many_right_is_a_p_value_of_1():
    """Middle readers with AI against seniors without, external 2: 0.628 to 0.647 is printed."""
    readers = COHORTS["external2"].readers
    assert sum(r.aided for r in readers[2:4]) == sum(r.unaided for r in readers[:2])
