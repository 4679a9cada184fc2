"""A count out of a number, with its share and Wilson's interval.

Reference: Wilson, Journal of the American Statistical Association 1927, 22:209,
doi 10.1080/01621459.1927.10502953; Brown, Cai & DasGupta, Statistical Science 2001, 16:101,
doi 10.1214/ss/1009213286.
"""

from dataclasses import dataclass
from math import sqrt

from scipy.special import ndtri

from analysis.stats._checks import confidence_level, whole_number


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
        share = count / n
        low, high = _wilson(count, n, level)
    method = "Wilson" if independent else "Wilson, as if independent"
    return Rate(count=count, n=n, share=share, low=low, high=high, level=level, method=method)


def _wilson(count: int, n: int, level: float) -> tuple[float, float]:
    """The limits of SciPy's binomtest, without the test that it makes each time."""
    z = float(ndtri((1 + level) / 2))
    centre = (count + z**2 / 2) / (n + z**2)
    reach = z / (n + z**2) * sqrt(count * (n - count) / n + z**2 / 4)
    low = 0.0 if count == 0 else centre - reach
    return low, 1.0 if count == n else centre + reach
