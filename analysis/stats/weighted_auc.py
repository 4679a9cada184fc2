"""Area under the ROC curve for any patient weights: sorted once, then sums alone.

The AUC is the chance that a positive cell outscores a negative one, a tie counting half. A
cell is one yes/no question to one patient, with its score: a binary marker has one a patient,
a micro-averaged AUC one a patient and class. A patient's weight is that of all its cells:

    AUC(w) = sum_ij w_p(i) w_p(j) [s_i > s_j] + 1/2 [s_i = s_j]
             over positive cells i and negative cells j, divided by
             (sum_i w_p(i)) (sum_j w_p(j)).

The cells are sorted once. For any weights the running sum of those of the negative cells, in
ascending order of score, says at each positive cell what it outscores. Whole weights are added
up as integers, which is exact and quick.

Reference: Hanley & McNeil, Radiology 1982, 143:29, doi 10.1148/radiology.143.1.7063747.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import (
    class_labels,
    class_scores,
    positives,
    rankable_scores,
    same_patients,
)
from analysis.stats.weighted_statistics import Combination, WeightedStatistic, mean_of, ratio


@dataclass(frozen=True, eq=False)
class WeightedAUC:
    """AUC as a function of patient weights.

    `negative_patient`, shape (n_negative,), and `positive_patient`, shape (n_positive,): whose
    each cell is, in ascending order of score. `below` and `up_to`, shape (n_positive,): how
    many negative cells score less than each positive cell, and how many no more.
    Memory and time are proportional to the number of cells, for each row of weights.
    """

    negative_patient: NDArray[np.intp]
    positive_patient: NDArray[np.intp]
    below: NDArray[np.intp]
    up_to: NDArray[np.intp]
    n_patients: int

    @classmethod
    def of_cells(
        cls,
        *,
        score: NDArray[np.float64],
        positive: NDArray[np.bool_],
        patient: NDArray[np.intp],
        n_patients: int,
    ) -> "WeightedAUC":
        """From cells: `score`, `positive` and `patient` (0 ... n_patients - 1) of each."""
        order = np.argsort(score)
        score, positive, patient = score[order], positive[order], patient[order]
        return cls(
            negative_patient=patient[~positive],
            positive_patient=patient[positive],
            below=np.searchsorted(score[~positive], score[positive], side="left"),
            up_to=np.searchsorted(score[~positive], score[positive], side="right"),
            n_patients=n_patients,
        )

    def __call__(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        negative = np.take(weights, self.negative_patient, axis=1)
        positive = np.take(weights, self.positive_patient, axis=1)
        wide = np.result_type(weights, np.int64)
        running = np.empty((len(weights), self.negative_patient.size + 1), wide)
        running[:, 0] = 0
        np.cumsum(negative, axis=1, out=running[:, 1:])
        outscored = np.take(running, self.below, axis=1)
        outscored += np.take(running, self.up_to, axis=1)
        doubled_wins = np.einsum("ij,ij->i", positive, outscored)
        return ratio(doubled_wins, 2 * positive.sum(axis=1) * running[:, -1])

    def leave_one_out(self) -> NDArray[np.float64]:
        """In closed form: the wins less those that the patient has a part in.

        They are the wins of its positive cells over all negatives, and of all positives over
        its negative cells, less those of its own over its own, which both hold.
        """
        doubled_wins = self.below + self.up_to
        won = self._sum_by_patient(self.positive_patient, doubled_wins)
        # A negative cell loses to the positive cells that have it below them or level.
        place = np.arange(self.negative_patient.size)
        n_positive = self.positive_patient.size
        doubled_losses = 2 * n_positive - (
            np.searchsorted(self.below, place, side="right")
            + np.searchsorted(self.up_to, place, side="right")
        )
        lost = self._sum_by_patient(self.negative_patient, doubled_losses)
        rest = doubled_wins.sum() - won - lost + self._doubled_wins_over_itself()
        positive = n_positive - self._sum_by_patient(self.positive_patient)
        negative = self.negative_patient.size - self._sum_by_patient(self.negative_patient)
        return ratio(rest, 2 * positive * negative)

    def _doubled_wins_over_itself(self) -> NDArray[np.float64]:
        """Wins of each patient's positive cells over its own negative cells, times 2."""
        # Negative cells patient by patient, and in each patient by score.
        places = self.negative_patient.size + 1
        keys = np.sort(self.negative_patient * places + np.arange(places - 1))
        starts = self.positive_patient * places
        wins = np.searchsorted(keys, starts + self.below) + np.searchsorted(
            keys, starts + self.up_to
        )
        wins -= 2 * np.searchsorted(keys, starts)
        return self._sum_by_patient(self.positive_patient, wins)

    def _sum_by_patient(
        self, patient: NDArray[np.intp], values: NDArray[np.intp] | None = None
    ) -> NDArray[np.number]:
        return np.bincount(patient, weights=values, minlength=self.n_patients)


def auc_statistic(*, truth: ArrayLike, score: ArrayLike) -> WeightedAUC:
    """AUC of one score.

    Parameters
    ----------
    truth : array_like of bool, shape (n_patients,)
        Positive or negative.
    score : array_like of float, shape (n_patients,)
        Larger means more likely positive.

    Raises
    ------
    ValueError
        If an array is empty, of another shape or of the wrong kind; if they differ in length;
        if no patient is positive, or none negative.
    """
    truth, score = positives("truth", truth), rankable_scores("score", score)
    same_patients(truth=truth, score=score)
    return WeightedAUC.of_cells(
        score=score, positive=truth, patient=np.arange(truth.size), n_patients=truth.size
    )


@dataclass(frozen=True, eq=False)
class OneVsRestAUCStatistics:
    """One-vs-rest AUCs as functions of patient weights.

    A class that no patient has, or that every patient has, is None, and then so is `macro`,
    the mean over the classes.
    """

    micro: WeightedAUC
    macro: Combination | None
    per_class: tuple[WeightedAUC | None, ...]

    def named(self) -> dict[str | int, WeightedStatistic]:
        """Those that are defined: "micro", "macro", and the classes by their index."""
        found = {"micro": self.micro, "macro": self.macro, **dict(enumerate(self.per_class))}
        return {name: statistic for name, statistic in found.items() if statistic is not None}


def one_vs_rest_auc_statistics(*, truth: ArrayLike, score: ArrayLike) -> OneVsRestAUCStatistics:
    """Micro-averaged, macro-averaged and per-class AUC, each class against the rest.

    Parameters
    ----------
    truth : array_like of int, shape (n_patients,)
        True class, 0 ... n_classes - 1.
    score : array_like of float, shape (n_patients, n_classes)
        Score of each class, such as its probability. The micro average compares scores of
        different classes with each other; the others do not.

    Raises
    ------
    ValueError
        If an array is empty, of another shape or of the wrong kind, or if they differ in the
        number of patients.
    """
    truth, score, is_class = one_vs_rest_cells(truth, score)
    n_patients, n_classes = score.shape
    per_class = tuple(
        auc_statistic(truth=is_class[:, k], score=score[:, k])
        if 0 < is_class[:, k].sum() < n_patients
        else None
        for k in range(n_classes)
    )
    micro = WeightedAUC.of_cells(
        score=score.ravel(),
        positive=is_class.ravel(),
        patient=np.repeat(np.arange(n_patients), n_classes),
        n_patients=n_patients,
    )
    macro = None if None in per_class else mean_of(*per_class)
    return OneVsRestAUCStatistics(micro=micro, macro=macro, per_class=per_class)


def one_vs_rest_cells(
    truth: ArrayLike, score: ArrayLike
) -> tuple[NDArray[np.integer], NDArray[np.float64], NDArray[np.bool_]]:
    """Checked truth and scores, and whether each patient is of each class, as the scores' shape."""
    score = class_scores("score", score)
    n_patients, n_classes = score.shape
    truth = class_labels("truth", truth, n_classes=n_classes)
    if truth.size != n_patients:
        raise ValueError(f"score has {n_patients} patients, but truth has {truth.size}")
    return truth, score, truth[:, np.newaxis] == np.arange(n_classes)
