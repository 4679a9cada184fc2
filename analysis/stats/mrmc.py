"""Multi-reader multi-case comparison of modalities, after Obuchowski and Rockette.

Every reader read every case with every modality: unaided and aided, say. The figures differ
because modalities do, because readers do, and because the cases are a sample. The analysis of
variance of the readers' figures tells the first two apart, their covariances over cases the
last.

References: Obuchowski & Rockette, Communications in Statistics B 1995, 24:285,
doi 10.1080/03610919508813243; Hillis, Statistics in Medicine 2007, 26:596,
doi 10.1002/sim.2532 (degrees of freedom); Hillis, Berbaum & Metz, Academic Radiology 2008,
15:647, doi 10.1016/j.acra.2007.12.015; Hillis, Statistics in Medicine 2014, 33:330,
doi 10.1002/sim.5926.
"""

from dataclasses import dataclass
from itertools import combinations
from math import inf, sqrt
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, f, t

from analysis.stats._checks import confidence_level, one_of
from analysis.stats._obuchowski_rockette import (
    ErrorCovariances,
    MeanSquares,
    MrmcDesign,
    Spread,
    VarianceComponents,
    error_covariances,
    error_term_of_difference,
    error_term_of_modality,
    mean_squares,
    settled,
    variance_components,
)
from analysis.stats.mrmc_covariance import (
    CovarianceMethod,
    MrmcMetric,
    ReaderPerformance,
    reader_performance,
)


@dataclass(frozen=True)
class MrmcEstimate:
    """A modality's figure: the mean over the readers, or one reader's where `reader` is set.

    `df` is infinite for the normal distribution. A negative `variance`, which the unbiased
    covariance of a small study may give, has no standard error and no limits: they are None.
    So is all of it for one reader on fixed cases, where nothing is random. `truncated`: a
    negative covariance between readers was taken as 0, as the method asks.
    """

    modality: int
    reader: int | None
    estimate: float
    variance: float | None
    std_error: float | None
    df: float | None
    low: float | None
    high: float | None
    truncated: bool


@dataclass(frozen=True)
class MrmcDifference:
    """Figure of modality `first` less that of `second`, with its test.

    `statistic` is t on `df` degrees of freedom, or z where `df` is infinite; it and the
    two-sided `p_value` are None where the variance is not above 0. All else as in
    MrmcEstimate.
    """

    first: int
    second: int
    reader: int | None
    difference: float
    variance: float | None
    std_error: float | None
    df: float | None
    low: float | None
    high: float | None
    truncated: bool
    statistic: float | None
    p_value: float | None


@dataclass(frozen=True)
class MrmcTest:
    """Test that all modalities are equal. `df2` is None for chi-squared.

    `statistic` and `p_value` are None where the error term is not above 0.
    """

    method: Literal["F", "chi-squared"]
    statistic: float | None
    df1: int
    df2: float | None
    p_value: float | None


@dataclass(frozen=True)
class MrmcResult:
    """Modalities and readers are numbered from 0, as in the ratings.

    `modalities` are the figures averaged over readers, `differences` all pairs of them;
    `readers` and `reader_differences` are the same for one reader at a time. `components` is
    None on fixed cases, where no covariance is taken.
    """

    method: str
    design: MrmcDesign
    level: float
    performance: ReaderPerformance
    mean_squares: MeanSquares
    components: VarianceComponents | None
    test: MrmcTest
    modalities: tuple[MrmcEstimate, ...]
    differences: tuple[MrmcDifference, ...]
    readers: tuple[MrmcEstimate, ...]
    reader_differences: tuple[MrmcDifference, ...]


def mrmc(
    *,
    truth: ArrayLike,
    ratings: ArrayLike,
    metric: MrmcMetric = "auc",
    covariance: CovarianceMethod = "delong",
    design: MrmcDesign = "random-readers-random-cases",
    level: float = 0.95,
) -> MrmcResult:
    """Compare modalities in a fully crossed study of several readers and cases.

    Parameters
    ----------
    truth : array_like, shape (n_cases,)
    ratings : array_like, shape (n_modalities, n_readers, n_cases)
    metric : {"auc", "accuracy", "sensitivity", "specificity"}
        These three as in `reader_performance`, with at least 2 modalities and 2 readers.
    covariance : {"delong", "jackknife", "unbiased"}
        As in `reader_performance`; not used on fixed cases.
    design : {"random-readers-random-cases", "fixed-readers", "fixed-cases"}
        What the conclusion is to hold for. Readers and cases like these: F and t tests with
        Hillis's degrees of freedom. These very readers, on cases like these: chi-squared and
        normal tests. Readers like these, on these very cases: F and t tests of the readers'
        figures alone.
    level : float, default 0.95
        Confidence level of the intervals, strictly between 0 and 1.

    Returns
    -------
    MrmcResult
        Limits are the estimate and a quantile times its standard error either side, not cut
        to [0, 1]. One reader at a time is compared over cases, by the normal distribution,
        with that reader's own error variance and Cov1.

    Raises
    ------
    ValueError
        As `reader_performance`; if there are fewer than 2 modalities or readers, or `design`
        or `level` is not allowed.

    Notes
    -----
    Cov2 - Cov3 (Cov2, for one modality by itself) enters as max(Cov2 - Cov3, 0), times R for
    random and R - 1 for fixed readers, as in OR-DBM MRMC and RJafroc; `truncated` says where
    that bound was met. Degrees of freedom are not rounded. With two modalities the test of
    all modalities is the test of their difference.
    """
    one_of("design", design, get_args(MrmcDesign))
    confidence_level(level)
    taken = None if design == "fixed-cases" else covariance
    figures = reader_performance(truth=truth, ratings=ratings, metric=metric, covariance=taken)
    n_modalities, n_readers = figures.estimates.shape
    if min(n_modalities, n_readers) < 2:
        raise ValueError(
            "ratings must hold at least 2 modalities and 2 readers, "
            f"got {n_modalities} and {n_readers}"
        )
    squares, errors = mean_squares(figures.estimates), _errors(figures)
    spread = error_term_of_difference(design, squares, errors)
    return MrmcResult(
        method=_method(design, figures),
        design=design,
        level=level,
        performance=figures,
        mean_squares=squares,
        components=None if taken is None else variance_components(squares, errors, n_modalities),
        test=_overall_test(design, squares.modality, spread, n_modalities - 1),
        modalities=_modalities(figures, design, squares, errors, level),
        differences=_differences(figures, spread, level),
        readers=_readers(figures, level),
        reader_differences=_reader_differences(figures, errors, level),
    )


def _method(design: MrmcDesign, figures: ReaderPerformance) -> str:
    covariance = {
        "delong": ", DeLong covariance",
        "jackknife": ", jackknife covariance",
        "unbiased": ", unbiased covariance",
        None: "",
    }[figures.covariance_method]
    if covariance and figures.metric != "auc":
        covariance = ", sample covariance"
    readers_and_cases = {
        "random-readers-random-cases": "random readers and cases, Hillis's degrees of freedom",
        "fixed-readers": "fixed readers, random cases",
        "fixed-cases": "random readers, fixed cases",
    }[design]
    return f"Obuchowski-Rockette, {readers_and_cases}{covariance}"


def _errors(figures: ReaderPerformance) -> ErrorCovariances:
    """On fixed cases nothing varies over cases: every covariance is 0."""
    if figures.covariance is None:
        return error_covariances(np.zeros(figures.estimates.shape * 2))
    return error_covariances(figures.covariance)


def _overall_test(design: MrmcDesign, mean_square: float, spread: Spread, df: int) -> MrmcTest:
    chi_squared = design == "fixed-readers"
    statistic = p_value = None
    if spread.value > 0:
        ratio = mean_square / spread.value
        statistic = df * ratio if chi_squared else ratio
        # F on infinite degrees of freedom is chi-squared over its own.
        tail = chi2.sf(df * ratio, df) if spread.df == inf else f.sf(ratio, df, spread.df)
        p_value = float(tail)
    return MrmcTest(
        method="chi-squared" if chi_squared else "F",
        statistic=statistic,
        df1=df,
        df2=None if chi_squared else spread.df,
        p_value=p_value,
    )


def _modalities(
    figures: ReaderPerformance,
    design: MrmcDesign,
    squares: MeanSquares,
    errors: ErrorCovariances,
    level: float,
) -> tuple[MrmcEstimate, ...]:
    n_readers = figures.estimates.shape[1]
    rows = []
    for modality, mean in enumerate(figures.estimates.mean(axis=1).tolist()):
        spread = error_term_of_modality(design, squares, errors, modality)
        rows.append(
            MrmcEstimate(
                modality=modality,
                reader=None,
                estimate=mean,
                truncated=spread.truncated,
                **_interval(mean, spread.value / n_readers, spread.df, level),
            )
        )
    return tuple(rows)


def _differences(
    figures: ReaderPerformance, spread: Spread, level: float
) -> tuple[MrmcDifference, ...]:
    means, n_readers = figures.estimates.mean(axis=1), figures.estimates.shape[1]
    return tuple(
        MrmcDifference(
            first=first,
            second=second,
            reader=None,
            difference=float(means[first] - means[second]),
            truncated=spread.truncated,
            **_interval_and_test(
                means[first] - means[second], 2 * spread.value / n_readers, spread.df, level
            ),
        )
        for first, second in combinations(range(means.size), 2)
    )


def _readers(figures: ReaderPerformance, level: float) -> tuple[MrmcEstimate, ...]:
    """Reader by reader, with every modality."""
    n_modalities, n_readers = figures.estimates.shape
    variances = [None] * n_modalities * n_readers
    if figures.covariance is not None:
        variances = np.einsum("trtr->rt", figures.covariance).ravel().tolist()
    return tuple(
        MrmcEstimate(
            modality=modality,
            reader=reader,
            estimate=float(figures.estimates[modality, reader]),
            truncated=False,
            **_interval(figures.estimates[modality, reader], variance, inf, level),
        )
        for (reader, modality), variance in zip(
            np.ndindex(n_readers, n_modalities), variances, strict=True
        )
    )


def _reader_differences(
    figures: ReaderPerformance, errors: ErrorCovariances, level: float
) -> tuple[MrmcDifference, ...]:
    """Reader by reader, every pair of modalities."""
    rows = []
    for reader, of_difference in enumerate(errors.of_difference):
        variance = None if figures.covariance is None else of_difference
        of_modality = figures.estimates[:, reader]
        for first, second in combinations(range(of_modality.size), 2):
            difference = float(of_modality[first] - of_modality[second])
            rows.append(
                MrmcDifference(
                    first=first,
                    second=second,
                    reader=reader,
                    difference=difference,
                    truncated=False,
                    **_interval_and_test(difference, variance, inf, level),
                )
            )
    return tuple(rows)


def _interval(
    estimate: float, variance: float | None, df: float, level: float
) -> dict[str, float | None]:
    row = dict.fromkeys(("variance", "std_error", "df", "low", "high"))
    if variance is None:
        return row
    row |= {"variance": settled(variance), "df": df}
    if row["variance"] >= 0:
        std_error = sqrt(row["variance"])
        reach = float(t.ppf((1 + level) / 2, df)) * std_error
        row |= {"std_error": std_error, "low": estimate - reach, "high": estimate + reach}
    return row


def _interval_and_test(
    difference: float, variance: float | None, df: float, level: float
) -> dict[str, float | None]:
    row = _interval(float(difference), variance, df, level) | {"statistic": None, "p_value": None}
    if row["std_error"]:
        statistic = float(difference) / row["std_error"]
        row |= {"statistic": statistic, "p_value": float(2 * t.sf(abs(statistic), df))}
    return row
