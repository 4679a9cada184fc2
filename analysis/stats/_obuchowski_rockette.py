"""The Obuchowski-Rockette model of readers' figures: mean squares, components, error terms.

The figure of reader j with modality i is an overall mean, plus effects of the modality, of the
reader and of the two together, plus an error that comes with the cases. Errors covary: Cov1
for the same reader with another modality, Cov2 for another reader with the same modality, Cov3
for both other. References as in `mrmc`, which puts these parts together.
"""

from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MrmcDesign = Literal["random-readers-random-cases", "fixed-readers", "fixed-cases"]

# A variance of proportions or areas that is smaller than this is rounding, and taken as 0.
_ROUNDING = 1e-18


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of the figures; `reader_within` is one a modality, by itself."""

    modality: float
    reader: float
    modality_reader: float
    reader_within: tuple[float, ...]


@dataclass(frozen=True)
class VarianceComponents:
    """Components of the model, as estimated: none is cut at 0.

    `error` is the variance over cases of one figure, `cov1` to `cov3` its covariances.
    """

    reader: float
    modality_reader: float
    error: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True)
class ErrorCovariances:
    """Means of parts of the covariance matrix over cases.

    `error_within` and `cov2_within` are one value a modality, by itself; `of_difference` is
    one a reader: the variance of the difference of two of that reader's figures.
    """

    error: float
    cov1: float
    cov2: float
    cov3: float
    error_within: tuple[float, ...]
    cov2_within: tuple[float, ...]
    of_difference: tuple[float, ...]


@dataclass(frozen=True)
class Spread:
    """The error term: R times the variance of a mean over R readers, and its degrees of freedom.

    `truncated`: a negative covariance between readers was taken as 0.
    """

    value: float
    df: float
    truncated: bool


def mean_squares(estimates: NDArray[np.floating]) -> MeanSquares:
    """Of the figures, shape (n_modalities, n_readers)."""
    n_modalities, n_readers = estimates.shape
    of_modality, of_reader = estimates.mean(axis=1), estimates.mean(axis=0)
    residual = estimates - of_modality[:, np.newaxis] - of_reader + estimates.mean()
    return MeanSquares(
        modality=float(n_readers * of_modality.var(ddof=1)),
        reader=float(n_modalities * of_reader.var(ddof=1)),
        modality_reader=float((residual**2).sum() / ((n_modalities - 1) * (n_readers - 1))),
        reader_within=tuple(estimates.var(axis=1, ddof=1).tolist()),
    )


def error_covariances(matrix: NDArray[np.floating]) -> ErrorCovariances:
    """Of a matrix of shape (n_modalities, n_readers, n_modalities, n_readers)."""
    n_modalities, n_readers = matrix.shape[:2]
    other_modality = ~np.eye(n_modalities, dtype=bool)
    same_reader = np.einsum("trsr->tsr", matrix)
    other_reader = matrix.sum(axis=(1, 3)) - same_reader.sum(axis=2)
    other_reader /= n_readers * (n_readers - 1)
    error = np.einsum("ttr->tr", same_reader)
    cov1 = same_reader[other_modality].mean(axis=0)
    return ErrorCovariances(
        error=float(error.mean()),
        cov1=float(cov1.mean()),
        cov2=float(np.diag(other_reader).mean()),
        cov3=float(other_reader[other_modality].mean()),
        error_within=tuple(error.mean(axis=1).tolist()),
        cov2_within=tuple(np.diag(other_reader).tolist()),
        of_difference=tuple((2 * (error.mean(axis=0) - cov1)).tolist()),
    )


def variance_components(
    squares: MeanSquares, errors: ErrorCovariances, n_modalities: int
) -> VarianceComponents:
    """The two components of the readers are what the mean squares leave to them."""
    return VarianceComponents(
        reader=(squares.reader - squares.modality_reader) / n_modalities
        - errors.cov1
        + errors.cov3,
        modality_reader=squares.modality_reader
        - (errors.error - errors.cov1 - errors.cov2 + errors.cov3),
        error=errors.error,
        cov1=errors.cov1,
        cov2=errors.cov2,
        cov3=errors.cov3,
    )


def error_term_of_difference(
    design: MrmcDesign, squares: MeanSquares, errors: ErrorCovariances
) -> Spread:
    """Error term of the modalities; half the spread of the difference of any two."""
    n_modalities, n_readers = len(errors.error_within), len(errors.of_difference)
    return _spread(
        design,
        mean_square=squares.modality_reader,
        df=(n_modalities - 1) * (n_readers - 1),
        own=errors.error - errors.cov1,
        shared=errors.cov2 - errors.cov3,
        n_readers=n_readers,
    )


def error_term_of_modality(
    design: MrmcDesign, squares: MeanSquares, errors: ErrorCovariances, modality: int
) -> Spread:
    """Error term of one modality, from its figures alone (Hillis 2007, section 5.3)."""
    n_readers = len(errors.of_difference)
    return _spread(
        design,
        mean_square=squares.reader_within[modality],
        df=n_readers - 1,
        own=errors.error_within[modality],
        shared=errors.cov2_within[modality],
        n_readers=n_readers,
    )


def settled(variance: float) -> float:
    """The variance, with rounding about 0 taken as 0."""
    return 0.0 if abs(variance) < _ROUNDING else float(variance)


def _spread(
    design: MrmcDesign, *, mean_square: float, df: int, own: float, shared: float, n_readers: int
) -> Spread:
    """`own` varies over cases for each reader alone, `shared` for all of them together.

    Random readers bring their own part within the mean square. Hillis's degrees of freedom
    are those of the mean square, times (error term / mean square) squared.
    """
    bounded = max(settled(shared), 0.0)
    if design == "fixed-readers":
        value, df = settled(own + (n_readers - 1) * bounded), inf
    else:
        mean_square = settled(mean_square)
        value = mean_square + n_readers * bounded
        df = df * (value / mean_square) ** 2 if mean_square else inf
    return Spread(value=value, df=df, truncated=settled(shared) < 0)
