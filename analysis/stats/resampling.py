"""Bootstrap samples of patients, as the number of times that each patient was drawn."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.stats._checks import whole_number

# Patients drawn at once: blocks small enough for a processor's cache are quickest, and their
# size leaves the samples alone.
_DRAWS_PER_BLOCK = 2**14
# An analysis asks for the same samples again and again: a few that were drawn are kept, 2 bytes a
# patient and sample, as far as they are small.
_DRAWS_KEPT = 2**23
_SAMPLES_KEPT = 8


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
    if isinstance(seed, int) and n_patients < 2**16 and n_patients * resamples <= _DRAWS_KEPT:
        kept = _drawn(
            n_patients, resamples, tuple(patients.tobytes() for patients in members), seed
        )
        rows = _rows_per_block(n_patients)
        return (kept[at : at + rows].astype(np.int64) for at in range(0, resamples, rows))
    return _blocks(n_patients, resamples, members, np.random.default_rng(seed))


def strata_members(strata: ArrayLike | None, *, n_patients: int) -> list[NDArray[np.intp]]:
    """Indices of the patients of each stratum; all of them where `strata` is None."""
    if strata is None:
        return [np.arange(n_patients)]
    strata = np.asarray(strata)
    if strata.shape != (n_patients,):
        raise ValueError(f"strata must have shape ({n_patients},), got {strata.shape}")
    return [np.flatnonzero(strata == name) for name in np.unique(strata)]


@lru_cache(maxsize=_SAMPLES_KEPT)
def _drawn(
    n_patients: int, resamples: int, members: tuple[bytes, ...], seed: int
) -> NDArray[np.uint16]:
    """All samples at once, shape (resamples, n_patients)."""
    strata = [np.frombuffer(patients, dtype=np.intp) for patients in members]
    drawn = np.empty((resamples, n_patients), dtype=np.uint16)
    at = 0
    for block in _blocks(n_patients, resamples, strata, np.random.default_rng(seed)):
        drawn[at : at + len(block)] = block
        at += len(block)
    return drawn


def _blocks(n_patients, resamples, members, rng) -> Iterator[NDArray[np.int64]]:
    # One stream a stratum: a sample is the same whatever block it falls in.
    streams = [rng] if len(members) == 1 else rng.spawn(len(members))
    most_rows = _rows_per_block(n_patients)
    for start in range(0, resamples, most_rows):
        rows = min(most_rows, resamples - start)
        if len(members) == 1:
            yield _counts(n_patients, rows, streams[0])
            continue
        block = np.empty((rows, n_patients), dtype=np.int64)
        for patients, stream in zip(members, streams, strict=True):
            block[:, patients] = _counts(patients.size, rows, stream)
        yield block


def _rows_per_block(n_patients: int) -> int:
    return max(1, _DRAWS_PER_BLOCK // n_patients)


def _counts(size: int, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each of `size` patients is drawn in `size` draws; shape (rows, size)."""
    drawn = rng.integers(size, size=(rows, size))
    drawn += size * np.arange(rows)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
