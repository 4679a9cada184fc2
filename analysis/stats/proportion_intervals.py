"""Intervals of a proportion, and of the difference of two, paired or independent; and a count out
of a number, which may be none, with its share and Wilson's interval.

References: Wilson, Journal of the American Statistical Association 1927, 22:209,
doi 10.1080/01621459.1927.10502953; Clopper & Pearson, Biometrika 1934, 26:404,
doi 10.1093/biomet/26.4.404; Tango, Statistics in Medicine 1998, 17:891,
doi 10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B; Newcombe, Statistics in
Medicine 1998, 17:873 (independent), doi
10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, and 17:2635 (paired), doi
10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from analysis.stats._checks import (
    confidence_level,
    correctness,
    one_of,
    same_patients,
    whole_number,
)
from analysis.stats.bootstrap_intervals import Interval

ProportionMethod = Literal["wilson", "clopper-pearson"]
PairedMethod = Literal["tango", "newcombe"]


@dataclass(frozen=True)
class Proportion:
    """`count` of `n`, and the interval of the proportion."""

    estimate: float
    count: int
    n: int
    interval: Interval


@dataclass(frozen=True)
class ProportionDifference:
    """The difference of two proportions, a - b, and its interval.

    `n_a` and `n_b` are the same patients where the comparison is paired.
    """

    estimate: float
    proportion_a: float
    proportion_b: float
    n_a: int
    n_b: int
    interval: Interval


def proportion(
    *, count: int, n: int, level: float = 0.95, method: ProportionMethod = "wilson"
) -> Proportion:
    """A proportion with its interval, inside [0, 1].

    Parameters
    ----------
    count, n : int
        `count` of `n`, n at least 1.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.
    method : {"wilson", "clopper-pearson"}
        "wilson": the score interval, close to its level on average. "clopper-pearson": the
        exact one, never below its level and wider for it.

    Raises
    ------
    ValueError
        If `count` or `n` is not an integer or `count` is not within 0 ... n; if `level` is
        outside (0, 1) or `method` unknown.
    """
    n = whole_number("n", n, at_least=1)
    count = _part("count", count, n)
    level = confidence_level(level)
    one_of("method", method, get_args(ProportionMethod))
    name = "wilson" if method == "wilson" else "beta"
    low, high = proportion_confint(count, n, alpha=1 - level, method=name)
    return Proportion(
        estimate=count / n,
        count=count,
        n=n,
        interval=Interval(
            # Both methods begin at 0 for none and end at 1 for all, but for rounding.
            low=float(low) if count > 0 else 0.0,
            high=float(high) if count < n else 1.0,
            level=level,
            method=method,
        ),
    )


def independent_difference(
    *, count_a: int, n_a: int, count_b: int, n_b: int, level: float = 0.95
) -> ProportionDifference:
    """Difference of two independent proportions with Newcombe's hybrid score interval.

    It is method 10 of Newcombe's comparison: the two Wilson intervals put together, with no
    continuity correction.

    Parameters
    ----------
    count_a, n_a, count_b, n_b : int
        `count_a` of `n_a`, and `count_b` of `n_b` other patients.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.

    Raises
    ------
    ValueError
        As in `proportion`.
    """
    n_a, n_b = whole_number("n_a", n_a, at_least=1), whole_number("n_b", n_b, at_least=1)
    count_a, count_b = _part("count_a", count_a, n_a), _part("count_b", count_b, n_b)
    level = confidence_level(level)
    low, high = confint_proportions_2indep(
        count_a, n_a, count_b, n_b, method="newcomb", compare="diff", alpha=1 - level
    )
    return ProportionDifference(
        estimate=(count_a * n_b - count_b * n_a) / (n_a * n_b),
        proportion_a=count_a / n_a,
        proportion_b=count_b / n_b,
        n_a=n_a,
        n_b=n_b,
        interval=Interval(low=float(low), high=float(high), level=level, method="newcombe"),
    )


def paired_difference(
    *,
    both: int,
    only_a: int,
    only_b: int,
    neither: int,
    level: float = 0.95,
    method: PairedMethod = "tango",
) -> ProportionDifference:
    """Difference of two proportions of the same patients, from the four counts of pairs.

    Parameters
    ----------
    both, only_a, only_b, neither : int
        Patients whom both arms got right, only a, only b, and neither. `only_a` and `only_b`
        are the b and c of `mcnemar`.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.
    method : {"tango", "newcombe"}
        "tango": the score interval; it leaves out 0 just where McNemar's chi-squared, without
        correction, has p < 1 - level. "newcombe": method 10, the hybrid score interval with
        the corrected phi.

    Raises
    ------
    ValueError
        If a count is not an integer or negative, or all are 0; if `level` is outside (0, 1)
        or `method` unknown.
    """
    counts = [
        whole_number(name, value, at_least=0)
        for name, value in zip(
            ("both", "only_a", "only_b", "neither"), (both, only_a, only_b, neither), strict=True
        )
    ]
    both, only_a, only_b, neither = counts
    n = sum(counts)
    if n == 0:
        raise ValueError("no pairs: both, only_a, only_b and neither are all 0")
    level = confidence_level(level)
    one_of("method", method, get_args(PairedMethod))
    if method == "tango":
        low, high = _tango(only_a, only_b, n, level)
    else:
        low, high = _newcombe_paired(counts, level)
    return ProportionDifference(
        estimate=(only_a - only_b) / n,
        proportion_a=(both + only_a) / n,
        proportion_b=(both + only_b) / n,
        n_a=n,
        n_b=n,
        interval=Interval(low=low, high=high, level=level, method=method),
    )


def paired_difference_of(
    *,
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    level: float = 0.95,
    method: PairedMethod = "tango",
) -> ProportionDifference:
    """`paired_difference` of right or wrong, one pair a patient.

    Parameters
    ----------
    correct_a, correct_b : array_like of bool, shape (n_patients,)
        Whether each of the two diagnoses of a patient was right.
    level, method
        As in `paired_difference`.

    Raises
    ------
    ValueError
        If an array is empty, not one-dimensional or holds anything but 0 and 1; if the two
        differ in length; as in `paired_difference`.
    """
    a = correctness("correct_a", correct_a, max_ndim=1)
    b = correctness("correct_b", correct_b, max_ndim=1)
    same_patients(correct_a=a, correct_b=b)
    return paired_difference(
        both=np.sum(a & b),
        only_a=np.sum(a & ~b),
        only_b=np.sum(~a & b),
        neither=np.sum(~a & ~b),
        level=level,
        method=method,
    )


def _part(name: str, count: int, n: int) -> int:
    count = whole_number(name, count, at_least=0)
    if count > n:
        raise ValueError(f"{name} must be at most {n}, got {count}")
    return count


def _tango(only_a: int, only_b: int, n: int, level: float) -> tuple[float, float]:
    """Where Tango's score statistic of a hypothetical difference d reaches -+z.

    The statistic is (a - b - n d) / sqrt(v(d)); it falls in d, and is 0 at the estimate.
    """
    z = float(norm.ppf((1 + level) / 2))
    estimate = (only_a - only_b) / n

    def beyond(d: float) -> float:
        """Above 0 where the statistic is beyond z. Squared, as v(d) may be 0."""
        shift = only_a - only_b - n * d
        return shift**2 - z**2 * _tango_variance(only_a, only_b, n, d) if d != estimate else -1.0

    low, high = (
        end if beyond(end) <= 0 else brentq(beyond, estimate, end, xtol=1e-15, rtol=1e-14)
        for end in (-1.0, 1.0)
    )
    return low, high


def _tango_variance(only_a: int, only_b: int, n: int, d: float) -> float:
    """n (2 q + d (1 - d)), where q is the likeliest share of `only_b` under the difference d.

    q is the upper root of 2 n q^2 + linear q + constant = 0.
    """
    linear = (2 * n - only_a + only_b) * d - only_a - only_b
    constant = -only_b * d * (1 - d)
    root = sqrt(max(0.0, linear**2 - 8 * n * constant))
    # Of the two ways to write it, the one that subtracts nothing.
    q = (root - linear) / (4 * n) if linear <= 0 else -2 * constant / (root + linear)
    return n * (2 * q + d * (1 - d))


def _newcombe_paired(counts: list[int], level: float) -> tuple[float, float]:
    """The two Wilson intervals put together, with their correlation phi."""
    both, only_a, only_b, neither = counts
    n = sum(counts)
    a = proportion(count=both + only_a, n=n, level=level)
    b = proportion(count=both + only_b, n=n, level=level)
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    product = both * neither - only_a * only_b
    if product > 0:
        product = max(product - n / 2, 0)
    phi = product / sqrt(margins) if margins else 0.0

    def reach(one: float, other: float) -> float:
        return sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))

    low = reach(a.estimate - a.interval.low, b.interval.high - b.estimate)
    high = reach(a.interval.high - a.estimate, b.estimate - b.interval.low)
    estimate = (only_a - only_b) / n
    return estimate - low, estimate + high


@dataclass(frozen=True)
class Rate:
    """`count` of `n`; share and limits are None where n is 0."""

    count: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    level: float
    method: str


def rate(*, count: int, n: int, level: float = 0.95, independent: bool = True) -> Rate:
    """Share of `n` observations, with Wilson's interval, inside [0, 1].

    The interval is for independent observations. If they are not, as when several readers'
    decisions on the same patients are pooled, it is as a rule too narrow: `independent` False
    says so in the method's name.

    Raises
    ------
    ValueError
        If `count` or `n` is not an integer or negative, `count` is above `n`, or `level` is
        not strictly between 0 and 1.
    """
    count, n = whole_number("count", count, at_least=0), whole_number("n", n, at_least=0)
    confidence_level(level)
    if count > n:
        raise ValueError(f"count must be at most n, got {count} of {n}")
    share = low = high = None
    if n:
        found = proportion(count=count, n=n, level=level)
        share, low, high = found.estimate, found.interval.low, found.interval.high
    method = "Wilson" if independent else "Wilson, as if independent"
    return Rate(count=count, n=n, share=share, low=low, high=high, level=level, method=method)
