"""Statistics as functions of patient weights, so that the bootstrap need not copy patients.

A bootstrap sample is a weight a patient: how often it was drawn. A statistic that takes
weights is told all samples at once, and says what leaving out any one patient does to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class WeightedStatistic(Protocol):
    """What the bootstrap asks of a statistic; NaN stands for undefined."""

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        ...

    def __call__(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        """Values, shape (rows,), for weights, whole or not, of shape (rows, n_patients)."""
        ...

    def leave_one_out(self) -> NDArray[np.float64]:
        """Values without each patient, shape (n_patients,), all others at weight 1."""
        ...


def estimate_of(statistic: WeightedStatistic) -> float:
    """The statistic of the patients as they are: each at weight 1."""
    return float(statistic(np.ones((1, statistic.n_patients), dtype=np.int64))[0])


@dataclass(frozen=True, eq=False)
class RatioOfSums:
    """sum(w x) / sum(w y) over the patients: a sensitivity, a predictive value, an accuracy.

    `numerator` x and `denominator` y have shape (n_patients,). Undefined where sum(w y) is 0.
    """

    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]

    @property
    def n_patients(self) -> int:
        return self.numerator.size

    def __call__(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        # Not by `@`: on a busy machine its threads wait for one another longer than they work.
        above, below = (
            np.einsum("ij,j->i", weights, values) for values in (self.numerator, self.denominator)
        )
        return ratio(above, below)

    def leave_one_out(self) -> NDArray[np.float64]:
        return ratio(
            self.numerator.sum() - self.numerator, self.denominator.sum() - self.denominator
        )


@dataclass(frozen=True, eq=False)
class Combination:
    """A function of other statistics of the same patients, such as their mean or difference.

    `function` takes one array a part, all of one shape, and returns an array of that shape.
    Raises ValueError if the parts differ in the number of patients.
    """

    function: Callable[..., NDArray[np.float64]]
    parts: tuple[WeightedStatistic, ...]

    def __post_init__(self):
        sizes = sorted({part.n_patients for part in self.parts})
        if len(sizes) != 1:
            raise ValueError(f"the statistics must be of the same patients, got {sizes} of them")

    @property
    def n_patients(self) -> int:
        return self.parts[0].n_patients

    def __call__(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        return self.function(*(part(weights) for part in self.parts))

    def leave_one_out(self) -> NDArray[np.float64]:
        return self.function(*(part.leave_one_out() for part in self.parts))


def mean_of(*parts: WeightedStatistic) -> Combination:
    """The unweighted mean of the parts: a macro average."""
    return Combination(lambda *values: sum(values) / len(values), parts)


def difference_of(a: WeightedStatistic, b: WeightedStatistic) -> Combination:
    """a - b."""
    return Combination(np.subtract, (a, b))


def relative_reduction_of(before: WeightedStatistic, after: WeightedStatistic) -> Combination:
    """(before - after) / before; undefined where `before` is 0."""
    return Combination(lambda old, new: ratio(old - new, old), (before, after))


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Quotients, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)
