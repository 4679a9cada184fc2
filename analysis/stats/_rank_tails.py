"""Exact distributions of rank sums, ties and all, given the ranks that the values have.

Midranks are whole or half; doubled they are integers, and a distribution of their sums is
built up one rank at a time. Positive terms alone are added, so that a small tail keeps its
relative accuracy. Reference: Streitberg & Röhmel, Statistical Software Newsletter 1986, 12:10
(the shift algorithm).
"""

import numpy as np
from numpy.typing import NDArray


def rank_sum_tails(ranks: NDArray[np.floating], chosen: NDArray[np.bool_]) -> tuple[float, float]:
    """P(sum <= observed) and P(sum >= observed) over all choices of as many of the ranks."""
    doubled = np.rint(2 * ranks).astype(np.int64)
    observed, n_chosen = int(doubled[chosen].sum()), int(chosen.sum())
    # ways[k, s]: choices of k of the ranks so far that sum to s.
    ways = np.zeros((n_chosen + 1, int(np.sort(doubled)[-n_chosen:].sum()) + 1))
    ways[0, 0] = 1
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank]
    return _tails(ways[-1] / ways[-1].sum(), observed)


def signed_rank_tails(
    ranks: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[float, float]:
    """P(sum <= observed) and P(sum >= observed) of the positive ranks, over all signs."""
    doubled = np.rint(2 * ranks).astype(np.int64)
    probability = np.zeros(int(doubled.sum()) + 1)
    probability[0] = 1
    for rank in doubled:
        probability /= 2
        probability[rank:] += probability[: probability.size - rank]
    return _tails(probability, int(doubled[positive].sum()))


def _tails(probability: NDArray[np.floating], observed: int) -> tuple[float, float]:
    return float(probability[: observed + 1].sum()), float(probability[observed:].sum())
