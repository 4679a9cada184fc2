"""Statistics as functions of patient weights, so that the bootstrap need not copy patients.

A bootstrap sample is a weight a patient: how often it was drawn. A statistic that takes
weights is told all samples at once, and says what leaving out any one patient does to it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SMALL_PRODUCT = 2**18  # multiplications
"""Above this, OpenBLAS uses several threads."""


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

    @property
    def sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is summed above and below."""
        return self.numerator, self.denominator

    def __call__(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        return ratio(*product(weights, np.column_stack(self.sums)).T)

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


class Together:
    """Several statistics of the same patients at once.

    Sums that they have in common are taken once, and all sums by one product of matrices. They
    are exact, and so the same as one by one, as long as they are of whole numbers.
    """

    def __init__(self, statistics: Iterable[WeightedStatistic]):
        self._statistics = list(statistics)
        leaves = [leaf for statistic in self._statistics for leaf in _leaves(statistic)]
        ratios = [leaf for leaf in leaves if isinstance(leaf, RatioOfSums)]
        self._others = {id(leaf): leaf for leaf in leaves if not isinstance(leaf, RatioOfSums)}
        columns = {each.tobytes(): each for leaf in ratios for each in leaf.sums}
        self._place = {key: number for number, key in enumerate(columns)}
        self._columns = np.column_stack([*columns.values()]) if columns else None

    def __call__(self, blocks: Iterable[NDArray[np.number]]) -> list[NDArray[np.float64]]:
        """Each statistic's values, shape (rows,), for blocks of weights (some of the rows,
        n_patients)."""
        sums, others = [], []
        for weights in blocks:
            if self._columns is not None:
                sums.append(product(weights, self._columns))
            others.append([leaf(weights) for leaf in self._others.values()])
        found = dict(zip(self._others, map(np.concatenate, zip(*others, strict=True)), strict=True))
        totals = np.concatenate(sums) if sums else None
        return [self._value(statistic, found, totals) for statistic in self._statistics]

    def _value(self, statistic, found, totals) -> NDArray[np.float64]:
        if isinstance(statistic, Combination):
            return statistic.function(
                *(self._value(part, found, totals) for part in statistic.parts)
            )
        if isinstance(statistic, RatioOfSums):
            return ratio(*(totals[:, self._place[each.tobytes()]] for each in statistic.sums))
        return found[id(statistic)]


def _leaves(statistic: WeightedStatistic) -> Iterator[WeightedStatistic]:
    """What a statistic is combined of; itself, if it is no combination."""
    if isinstance(statistic, Combination):
        for part in statistic.parts:
            yield from _leaves(part)
    else:
        yield statistic


def product(weights: NDArray[np.number], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of weights (rows, n) times columns (n, k), shape (rows, k).

    In products so small that the library keeps to one thread: on a busy machine its threads wait
    for one another longer than they work.
    """
    weights = np.asarray(weights, dtype=np.float64)
    rows = max(1, _SMALL_PRODUCT // columns.size)
    parts = [weights[at : at + rows] @ columns for at in range(0, len(weights), rows)]
    return np.concatenate(parts)


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
