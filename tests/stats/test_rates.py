"""Shares with Wilson's interval: against R and SciPy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from analysis.stats import rate

quick = settings(deadline=None, max_examples=60, derandomize=True)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (0, 10, 0, 0.27753279986288915),
        (1, 10, 0.017876213095072892, 0.4041500267952385),
        (5, 10, 0.23659309051256402, 0.763406909487436),
        (9, 10, 0.5958499732047615, 0.9821237869049271),
    ],
)
def test_rate_equals_r(count, n, low, high):
    """binom.confint(count, n, method = "wilson") of R's binom 1.1."""
    result = rate(count=count, n=n)
    assert result.share == count / n
    assert (result.low, result.high) == pytest.approx((low, high), rel=1e-10, abs=1e-12)


def test_rate_of_nothing_has_no_share():
    nothing = rate(count=0, n=0)
    assert (nothing.share, nothing.low, nothing.high) == (None, None, None)


def test_rate_refuses_more_than_all():
    with pytest.raises(ValueError, match="count must be at most n, got 3 of 2"):
        rate(count=3, n=2)


@quick
@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_rate_equals_scipy(n, share, level):
    count = round(share * n)
    result = rate(count=count, n=n, level=level)
    expected = binomtest(count, n).proportion_ci(level, method="wilson")
    assert (result.low, result.high) == pytest.approx(tuple(expected), rel=1e-11, abs=1e-14)
    assert 0 <= result.low <= result.share <= result.high <= 1


def test_a_rate_of_dependent_observations_says_so():
    assert rate(count=1, n=2).method == "Wilson"
    assert rate(count=1, n=2, independent=False).method == "Wilson, as if independent"
