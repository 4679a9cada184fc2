"""Placement values of empirical ROC curves: what each case adds to the area, many curves at once.

A positive case's placement is the share of negatives rated below it, ties counting half; a
negative case's is the share of positives rated above it. Either mean is the area under the
curve. Reference: DeLong, DeLong & Clarke-Pearson, Biometrics 1988, 44:837,
doi 10.2307/2531595.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Placements:
    """Areas, shape (n_curves,), and the placement values of the cases of either class.

    `positive` has shape (n_curves, n_positive), `negative` (n_curves, n_negative).
    """

    areas: NDArray[np.floating]
    positive: NDArray[np.floating]
    negative: NDArray[np.floating]


def placements(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> Placements:
    """Placement values from the ratings of the positive and of the negative cases.

    Both have one row a curve and one column a case. With midranks, the number of negatives
    below a positive case (ties half) is its rank among all less its rank among the
    positives, so sorting is the only cost: O(n log n) a curve.
    """
    n_positive, n_negative = positive.shape[1], negative.shape[1]
    among_all = rankdata(np.hstack([positive, negative]), axis=1)
    negatives_below = among_all[:, :n_positive] - rankdata(positive, axis=1)
    positives_below = among_all[:, n_positive:] - rankdata(negative, axis=1)
    return Placements(
        areas=negatives_below.sum(axis=1) / (n_positive * n_negative),
        positive=negatives_below / n_negative,
        negative=1 - positives_below / n_positive,
    )
