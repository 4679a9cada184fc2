"""Bootstrap samples of patients, as the number of times that each patient was drawn."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import whole_number

# Patients drawn at once: blocks small enough for a processor's cache are quickest, and their
# size leaves the samples alone.
_DRAWS_PER_BLOCK = 2**14


def resample_counts(
    *,
    n_patients: int,
    resamples: int,
    strata: ArrayLike | None = None,
    seed: int | np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    """Draw bootstrap samples of n_patients patients with replacement, block by block.

    Parameters
    ----------
    n_patients, resamples : int
        Number of patients and of samples, each at least 1.
    strata : array_like, shape (n_patients,), optional
        Sample within each of these groups, so that every sample has as many patients of each
        as there are. By default all patients are one group.
    seed : int or numpy.random.Generator
        Source of randomness. Unstratified, the same int and number of patients draw the same
        patients as `bootstrap_micro_metrics`.

    Yields
    ------
    ndarray of int, shape (rows, n_patients)
        How often each patient is in each of the next `rows` samples; each row sums to
        n_patients.

    Raises
    ------
    ValueError
        If a number is below 1, or `strata` has another shape.
    """
    n_patients = whole_number("n_patients", n_patients, at_least=1)
    resamples = whole_number("resamples", resamples, at_least=1)
    members = strata_members(strata, n_patients=n_patients)
    rng = np.random.default_rng(seed)
    # One stream a stratum: a sample is the same whatever block it falls in.
    streams = [rng] if len(members) == 1 else rng.spawn(len(members))
    return _blocks(n_patients, resamples, members, streams)


def strata_members(strata: ArrayLike | None, *, n_patients: int) -> list[NDArray[np.intp]]:
    """Indices of the patients of each stratum; all of them where `strata` is None."""
    if strata is None:
        return [np.arange(n_patients)]
    strata = np.asarray(strata)
    if strata.shape != (n_patients,):
        raise ValueError(f"strata must have shape ({n_patients},), got {strata.shape}")
    return [np.flatnonzero(strata == name) for name in np.unique(strata)]


def _blocks(n_patients, resamples, members, streams) -> Iterator[NDArray[np.int64]]:
    most_rows = max(1, _DRAWS_PER_BLOCK // n_patients)
    for start in range(0, resamples, most_rows):
        rows = min(most_rows, resamples - start)
        if len(members) == 1:
            yield _counts(n_patients, rows, streams[0])
            continue
        block = np.empty((rows, n_patients), dtype=np.int64)
        for patients, stream in zip(members, streams, strict=True):
            block[:, patients] = _counts(patients.size, rows, stream)
        yield block


def _counts(size: int, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each of `size` patients is drawn in `size` draws; shape (rows, size)."""
    drawn = rng.integers(size, size=(rows, size))
    drawn += size * np.arange(rows)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
