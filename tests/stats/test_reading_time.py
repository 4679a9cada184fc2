"""Reading times: medians by hand, the tests made, and times that are missing."""

import numpy as np
import pytest

from analysis.stats import TimeSummary, reading_times, wilcoxon_signed_rank

UNAIDED = [[30, 40, 50, 60], [20, 25, np.nan, 80]]
AIDED = [[20, 45, 30, 35], [25, 28, 40, 90]]


def simulated(n_readers=6, n_cases=40, faster=0.85):
    rng = np.random.default_rng(7)
    unaided = rng.lognormal(3.5, 0.5, (n_readers, n_cases))
    return unaided, unaided * faster * rng.lognormal(0, 0.05, unaided.shape)


def test_two_readers_by_hand():
    result = reading_times(unaided=UNAIDED, aided=AIDED)
    first, second = result.readers
    assert first.unaided == TimeSummary(n=4, median=45, quartiles=(37.5, 52.5))
    assert first.aided == TimeSummary(n=4, median=32.5, quartiles=(27.5, 37.5))
    assert first.change == TimeSummary(n=4, median=-15, quartiles=(-21.25, -6.25))
    assert second.unaided == TimeSummary(n=3, median=25, quartiles=(22.5, 52.5))
    assert second.change.median == 5
    assert result.pooled.change.n == 7
    assert result.pooled.change.median == 3
    assert result.median_changes == TimeSummary(n=2, median=-5, quartiles=(-10, 0))


def test_each_reader_is_tested_over_the_cases_timed_both_ways():
    result = reading_times(unaided=UNAIDED, aided=AIDED)
    assert result.tests[0] == wilcoxon_signed_rank(first=AIDED[0], second=UNAIDED[0])
    assert result.tests[1] == wilcoxon_signed_rank(first=[25, 28, 90], second=[20, 25, 80])
    assert result.tests[1].statistic == 6
    assert result.tests[1].p_value == 0.25


def test_readers_in_general_are_tested_over_readers():
    """Six readers, all faster: one pattern of signs in 2^6 at either end."""
    result = reading_times(**dict(zip(("unaided", "aided"), simulated(), strict=True)))
    assert all(reader.change.median < 0 for reader in result.readers)
    assert result.over_readers.n == (6,)
    assert result.over_readers.statistic == 0
    assert result.over_readers.p_value == 2 / 64
    assert all(test.p_value < 1e-6 for test in result.tests)


def test_readers_who_change_alike_are_still_tested_exactly():
    """Ties among few readers: the normal approximation would give 0.02."""
    result = reading_times(unaided=np.full((6, 3), 40), aided=np.full((6, 3), 30))
    assert result.over_readers.method == "Wilcoxon signed rank, exact"
    assert result.over_readers.p_value == 2 / 64


def test_exchanging_the_two_turns_the_change_round():
    unaided, aided = simulated()
    forth = reading_times(unaided=unaided, aided=aided)
    back = reading_times(unaided=aided, aided=unaided)
    assert back.pooled.change.median == pytest.approx(-forth.pooled.change.median)
    assert back.over_readers.p_value == forth.over_readers.p_value
    for one, other in zip(forth.tests, back.tests, strict=True):
        assert other.p_value == pytest.approx(one.p_value, rel=1e-12)


def test_one_reader_is_not_tested_over_readers():
    result = reading_times(unaided=UNAIDED[0], aided=AIDED[0])
    assert len(result.readers) == 1
    assert result.over_readers is None
    assert result.pooled == result.readers[0]


def test_a_reader_without_times_is_left_out():
    unaided = [UNAIDED[0], [np.nan] * 4]
    result = reading_times(unaided=unaided, aided=AIDED)
    assert (result.readers[1], result.tests[1]) == (None, None)
    assert result.median_changes.n == 1
    assert result.over_readers is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aided": AIDED[0]}, r"aided has shape \(1, 4\), but unaided has \(2, 4\)"),
        ({"aided": [[1, 2, 3, 4], [1, -2, 3, 4]]}, "reader 1, case 1, .* has -2.0"),
        ({"aided": [[1, 2, 3, np.inf], [1, 2, 3, 4]]}, "reader 0, case 3, .* has inf"),
        ({"unaided": np.full((2, 4), np.nan)}, "no reading was timed both unaided and aided"),
        ({"unaided": []}, "unaided must have shape"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        reading_times(**({"unaided": UNAIDED, "aided": AIDED} | change))
