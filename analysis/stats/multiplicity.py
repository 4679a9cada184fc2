"""p-values adjusted for the number of tests.

References: Holm, Scandinavian Journal of Statistics 1979, 6:65, jstor.org/stable/4615733;
Benjamini & Hochberg, Journal of the Royal Statistical Society B 1995, 57:289,
doi 10.1111/j.2517-6161.1995.tb02031.x.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control

from analysis.stats._checks import one_of

AdjustmentMethod = Literal["holm", "benjamini-hochberg", "bonferroni"]


@dataclass(frozen=True)
class AdjustedPValues:
    """Adjusted p-values in the order given, None where there was none; `n_tests` has the rest."""

    p_values: tuple[float | None, ...]
    n_tests: int
    method: AdjustmentMethod


def adjust_p_values(*, p_values: ArrayLike, method: AdjustmentMethod = "holm") -> AdjustedPValues:
    """Adjust a family of p-values for their number.

    Parameters
    ----------
    p_values : array_like of float or None, shape (n,)
        None or NaN stands for a test that could not be made: it stays without a p-value and
        does not count as a test.
    method : {"holm", "benjamini-hochberg", "bonferroni"}
        "holm" and "bonferroni" bound the chance of any false positive, "holm" with more
        power and no further assumption. "benjamini-hochberg" bounds the expected share of
        false positives among the positives, for independent or positively dependent tests.

    Raises
    ------
    ValueError
        If `p_values` is not one-dimensional, a value is outside [0, 1], or `method` is
        unknown.
    """
    one_of("method", method, get_args(AdjustmentMethod))
    values = np.asarray(p_values, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"p_values must have shape (n,), got {values.shape}")
    tested = ~np.isnan(values)
    if np.any(values[tested] < 0) or np.any(values[tested] > 1):
        raise ValueError("p_values must lie between 0 and 1")
    adjusted = np.full(values.shape, None)
    if tested.any():
        adjusted[tested] = _adjusted(values[tested], method).tolist()
    return AdjustedPValues(p_values=tuple(adjusted), n_tests=int(tested.sum()), method=method)


def _adjusted(values: NDArray[np.floating], method: AdjustmentMethod) -> NDArray[np.floating]:
    if method == "benjamini-hochberg":
        return false_discovery_control(values, method="bh")
    if method == "bonferroni":
        return np.minimum(1, values * values.size)
    # The smallest by the number of tests, the next by one less, and so on; never decreasing.
    order = np.argsort(values)
    steps = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    holm = np.empty_like(values)
    holm[order] = np.minimum(1, steps)
    return holm
