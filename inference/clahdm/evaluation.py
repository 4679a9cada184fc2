"""How good CLA-HDM is: the rows of the published Table 1, calibration, and where heatmaps look.

Arrays in, small dataclasses out, NumPy alone. Patients are the sampling unit of every interval:
percentile bootstrap, and a resampled patient brings all four one-vs-rest cells along.

Sources: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z (what is measured);
Hanley & McNeil, Radiology 1982, 143:29-36 (AUC as a share of pairs); Efron & Tibshirani, An
Introduction to the Bootstrap (1993), chapter 13; Guo et al., ICML 2017, arXiv:1706.04599
(expected calibration error).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from readerstudy.diagnosis import Etiology

from .hierarchical_probabilities import DEFAULT_THRESHOLD, MALIGNANCY_SUB_MODEL, SUB_MODELS

CLAHDM_ROW = "CLA-HDM"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A proportion and the limits of its interval; NaN where the cases do not define it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class EvaluationRow:
    """One line of Table 1: a sub-model on the true members of its branch, or CLA-HDM on all."""

    model: str
    """A name in `SUB_MODELS`, or "CLA-HDM"."""
    n: int
    """Patients."""
    auc: Estimate
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How a sub-model's probabilities compare with what was the case, on its own branch."""

    model: str
    n: int
    brier: float
    """Mean squared difference of probability and outcome."""
    expected_calibration_error: float
    """Mean over patients of the difference of their bin's mean probability and its share of
    positives."""
    edges: tuple[float, ...]
    """Of the bins, K + 1; a probability on an inner edge belongs to the bin above."""
    counts: tuple[int, ...]
    """Patients in each bin."""
    mean_probability: tuple[float | None, ...]
    """By bin; None where it is empty."""
    share_positive: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All of one cohort."""

    rows: tuple[EvaluationRow, ...]
    """Sub-models 1, 2 and 3, then CLA-HDM. A sub-model whose branch is empty has no row."""
    etiologies: dict[Etiology, Estimate]
    """One-vs-rest AUC of each etiology, on the gated probabilities of all patients."""
    calibrations: tuple[Calibration, ...]
    resamples: int
    level: float


def evaluate(
    *,
    truth: ArrayLike,
    probabilities: ArrayLike,
    threshold: float = DEFAULT_THRESHOLD,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
) -> Evaluation:
    """Evaluate one cohort.

    Parameters
    ----------
    truth : array_like of int, shape (n,)
        Class index of each patient's etiology.
    probabilities : array_like of float, shape (n, 3)
        Positive-class probabilities of sub-models 1, 2 and 3, all run on every patient.
    threshold : float
        The gate's, for sub-model 1's decisions. Sub-models 2 and 3 decide at 0.5.
    resamples, level, seed
        Of the bootstrap: number of resamples, confidence level, source of randomness.

    Raises
    ------
    ValueError
        If there are no patients, the shapes do not fit, a class is unknown or a probability is
        NaN or outside [0, 1].
    """
    truth, probabilities = _checked(truth, probabilities, threshold)
    if resamples < 1 or not 0 < level < 1:
        raise ValueError("resamples must be at least 1 and level between 0 and 1")
    rng = np.random.default_rng(seed)
    rows, calibrations = [], []

    def estimate(statistic: Callable[[Floats], Floats], patients: int) -> Estimate:
        return _bootstrap(statistic, patients, rng=rng, resamples=resamples, level=level)

    for column, name in enumerate(SUB_MODELS):
        members, positive = branch_and_positives(name, truth)
        if not members.any():
            continue
        cut = threshold if name == MALIGNANCY_SUB_MODEL else 0.5
        score = probabilities[members, column]
        rows.append(_binary_row(name, positive[members], score, cut, estimate))
        calibrations.append(calibration(name, positive[members], score))
    gated = gated_probabilities(probabilities, threshold=threshold)
    rows.append(_micro_row(truth, gated, estimate))
    etiologies = {
        etiology: estimate(auc_statistic(truth == index, gated[:, index]), len(truth))
        for index, etiology in enumerate(Etiology)
    }
    return Evaluation(
        rows=tuple(rows),
        etiologies=etiologies,
        calibrations=tuple(calibrations),
        resamples=resamples,
        level=level,
    )


def branch_and_positives(name: str, truth: NDArray[np.integer]) -> tuple[NDArray[np.bool_], ...]:
    """(patients of a sub-model's branch, patients of its positive class), bool, (n,) each."""
    sides = SUB_MODELS[name]
    negative, positive = (
        np.array([side in (etiology, etiology.malignancy) for etiology in Etiology])[truth]
        for side in sides
    )
    return negative | positive, positive


def gated_probabilities(probabilities: Floats, *, threshold: float) -> Floats:
    """Sub-models' probabilities (n, 3) -> hard-gated four-class probabilities (n, 4)."""
    malignant, benign_p, malignant_p = probabilities.T
    branch = malignant >= threshold
    halves = ((~branch, benign_p), (branch, malignant_p))
    return np.stack([here * side for here, p in halves for side in (1 - p, p)], axis=1)


def auc(positive: ArrayLike, score: ArrayLike) -> float:
    """Share of (positive, negative) pairs in which the positive scores higher, a tie as half.

    Both (n,); NaN if a class is missing.
    """
    positive, score = np.asarray(positive, dtype=bool), np.asarray(score, dtype=np.float64)
    return float(auc_statistic(positive, score)(np.ones((1, len(score))))[0])


def auc_statistic(positive: NDArray[np.bool_], score: Floats) -> Callable[[Floats], Floats]:
    """AUC as a function of the patients' weights, (R, n) -> (R,); sorts once for all resamples.

    `positive` and `score` are (n,), or (n, C) for C cells a patient, which are pooled.
    """
    cells = score[0].size
    order = np.argsort(score, axis=None, kind="stable")
    ranked = score.ravel()[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])  # of each run of ties
    is_positive, patient = positive.ravel()[order], order // cells

    def statistic(weights: Floats) -> Floats:
        weights = weights[:, patient]
        up = np.add.reduceat(weights * is_positive, starts, axis=1)
        down = np.add.reduceat(weights * ~is_positive, starts, axis=1)
        pairs = up.sum(axis=1) * down.sum(axis=1)
        won = (up * (np.cumsum(down, axis=1) - down / 2)).sum(axis=1)
        return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)

    return statistic


def calibration(
    name: str, positive: NDArray[np.bool_], score: Floats, *, bins: int = 10
) -> Calibration:
    """Brier score, expected calibration error and reliability bins of equal width."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.minimum((score * bins).astype(int), bins - 1)
    counts, claimed, found = (
        np.bincount(place, weights=values, minlength=bins)
        for values in (np.ones(len(score)), score, positive)
    )
    return Calibration(
        model=name,
        n=len(score),
        brier=float(np.mean((score - positive) ** 2)),
        expected_calibration_error=float(np.abs(claimed - found).sum() / len(score)),
        edges=tuple(edges.tolist()),
        counts=tuple(counts.astype(int).tolist()),
        mean_probability=_means(claimed, counts),
        share_positive=_means(found, counts),
    )


@dataclass(frozen=True)
class HeatmapAttention:
    """Where a heatmap looks."""

    inside: float
    """Share of its mass that lies on the node."""
    chance: float
    """Share of the image that the node takes: what a heatmap without any idea would have."""


def heatmap_attention(heatmap: NDArray, mask: NDArray[np.bool_]) -> HeatmapAttention | None:
    """Compare a heatmap (h, w), stretched over its whole image, with a mask (H, W) of the node.

    None for a heatmap that is all zero, which looks nowhere. ValueError for an empty mask.
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.any():
        raise ValueError("the mask is empty")
    nearest = [
        ((np.arange(to) + 0.5) * here / to).astype(int)
        for to, here in zip(mask.shape, heatmap.shape, strict=True)
    ]
    stretched = np.asarray(heatmap, dtype=np.float64)[np.ix_(*nearest)]
    if not (total := stretched.sum()):
        return None
    return HeatmapAttention(float(stretched[mask].sum() / total), float(mask.mean()))


def _binary_row(name, positive, score, cut, estimate) -> EvaluationRow:
    decided = score >= cut
    correct, n = decided == positive, len(score)
    return EvaluationRow(
        model=name,
        n=n,
        auc=estimate(auc_statistic(positive, score), n),
        accuracy=estimate(_share(correct, np.ones(n, dtype=bool)), n),
        sensitivity=estimate(_share(correct, positive), n),
        specificity=estimate(_share(correct, ~positive), n),
    )


def _micro_row(truth, gated: Floats, estimate) -> EvaluationRow:
    """CLA-HDM's four-class figures: one-vs-rest cells, 4 a patient, pooled.

    With a share k of right decisions the sensitivity is k, the specificity 1 - (1 - k) / 3 and
    the accuracy 1 - (1 - k) / 2.
    """
    n = len(truth)
    is_class = truth[:, None] == np.arange(len(Etiology))
    correct = is_class[np.arange(n), decisions(gated)]
    share = _share(correct, np.ones(n, dtype=bool))
    return EvaluationRow(
        model=CLAHDM_ROW,
        n=n,
        auc=estimate(auc_statistic(is_class, gated), n),
        accuracy=estimate(lambda weights: 1 - (1 - share(weights)) / 2, n),
        sensitivity=estimate(share, n),
        specificity=estimate(lambda weights: 1 - (1 - share(weights)) / 3, n),
    )


def decisions(gated: Floats) -> NDArray[np.int64]:
    """Gated four-class probabilities (n, 4) -> class decided on, (n,); ties go to the positive
    class of the branch, as `HierarchicalProbabilities.etiology` has it."""
    return gated.shape[1] - 1 - np.argmax(gated[:, ::-1], axis=1)


def _share(correct: NDArray[np.bool_], among: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """The weighted share of right decisions among some patients; NaN if there are none."""

    def statistic(weights: Floats) -> Floats:
        of = weights @ among
        return np.divide(
            weights @ (correct & among), of, out=np.full(len(of), np.nan), where=of > 0
        )

    return statistic


def _bootstrap(
    statistic: Callable[[Floats], Floats],
    n: int,
    *,
    rng: np.random.Generator,
    resamples: int,
    level: float,
) -> Estimate:
    """Point estimate and percentile limits; resamples that do not define it are left out."""
    value = float(statistic(np.ones((1, n)))[0])
    if np.isnan(value):
        return Estimate(value, value, value)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    resampled = statistic(weights)
    resampled = resampled[~np.isnan(resampled)]
    if not resampled.size:
        return Estimate(value, np.nan, np.nan)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))


def _means(sums: Floats, counts: Floats) -> tuple[float | None, ...]:
    return tuple(float(s / c) if c else None for s, c in zip(sums, counts, strict=True))


def _checked(truth: ArrayLike, probabilities: ArrayLike, threshold: float):
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 1 or not truth.size or probabilities.shape != (len(truth), len(SUB_MODELS)):
        raise ValueError(
            f"expected truth (n,) and probabilities (n, {len(SUB_MODELS)}) of at least one "
            f"patient, got {truth.shape} and {probabilities.shape}"
        )
    if truth.dtype.kind not in "iu" or not np.all((truth >= 0) & (truth < len(Etiology))):
        raise ValueError("truth must hold class indices of the four etiologies")
    if not np.all((probabilities >= 0) & (probabilities <= 1)) or not 0 <= threshold <= 1:
        raise ValueError("probabilities and the threshold must lie in [0, 1]")
    return truth, probabilities
