"""A count out of a number, which may be none, with its share and Wilson's interval."""

from dataclasses import dataclass

from analysis.stats._checks import confidence_level, whole_number
from analysis.stats.proportions import proportion


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
