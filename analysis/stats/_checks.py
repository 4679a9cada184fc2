"""Argument checks shared by the statistics: each returns a clean value or raises ValueError."""

from collections.abc import Sequence
from operator import index

import numpy as np
from numpy.typing import ArrayLike, NDArray


def whole_number(name: str, value: int, *, at_least: int) -> int:
    """`value` as a Python int, no smaller than `at_least`."""
    try:
        number = index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {number}")
    return number


def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    """`value`, which must be one of the allowed names."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
    return value


def class_labels(
    name: str, values: ArrayLike, *, n_classes: int, max_ndim: int = 1
) -> NDArray[np.integer]:
    """Class indices 0 ... n_classes - 1; patients on the last axis."""
    labels = _patients_last(name, values, max_ndim)
    if labels.dtype.kind not in "biu":
        raise ValueError(f"{name} must hold integer class indices, got dtype {labels.dtype}")
    if labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(f"{name} must hold class indices in 0 ... {n_classes - 1}")
    return labels


def correctness(name: str, values: ArrayLike, *, max_ndim: int = 2) -> NDArray[np.bool_]:
    """Right (True, 1) or wrong (False, 0); patients on the last axis."""
    marks = _patients_last(name, values, max_ndim)
    if marks.dtype.kind not in "biuf" or not np.isin(marks, (0, 1)).all():
        raise ValueError(f"{name} must hold booleans or 0 and 1 only")
    return marks.astype(bool)


def same_patients(**arrays: NDArray) -> None:
    """Every array has as many patients, its last axis, as the first."""
    (first, reference), *others = arrays.items()
    for name, array in others:
        if array.shape[-1] != reference.shape[-1]:
            raise ValueError(
                f"{name} has {array.shape[-1]} patients, but {first} has {reference.shape[-1]}"
            )


def confidence_level(level: float) -> float:
    """`level`, strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must be strictly between 0 and 1, got {level!r}")
    return level


def positives(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """Positive (True, 1) or negative (False, 0) patients, shape (n_patients,), some of each."""
    truth = correctness(name, values, max_ndim=1)
    if truth.all() or not truth.any():
        missing = "negative" if truth.all() else "positive"
        raise ValueError(f"{name} has no {missing} patient: an ROC curve needs both kinds")
    return truth


def rankable_scores(name: str, values: ArrayLike, *, max_ndim: int = 1) -> NDArray[np.float64]:
    """Numbers to rank patients by, infinite ones too; patients on the last axis."""
    numbers = _patients_last(name, values, max_ndim, rows="n_curves")
    return _ranked_numbers(name, numbers)


def class_scores(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """One score a patient and class, shape (n_patients, n_classes)."""
    numbers = np.asarray(values)
    if numbers.ndim != 2 or numbers.shape[1] < 2:
        raise ValueError(
            f"{name} must have shape (n_patients, n_classes), 2 classes or more, "
            f"got {numbers.shape}"
        )
    if numbers.size == 0:
        raise ValueError(f"{name} is empty")
    return _ranked_numbers(name, numbers)


def _ranked_numbers(name: str, numbers: NDArray) -> NDArray[np.float64]:
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, got dtype {numbers.dtype}")
    if np.isnan(numbers).any():
        raise ValueError(f"{name} must not hold NaN: leave such patients out, or give them a score")
    return numbers.astype(np.float64)


def _patients_last(
    name: str, values: ArrayLike, max_ndim: int, *, rows: str = "n_readers"
) -> NDArray:
    array = np.asarray(values)
    if not 1 <= array.ndim <= max_ndim:
        shapes = "(n_patients,)" + f" or ({rows}, n_patients)" * (max_ndim == 2)
        raise ValueError(f"{name} must have shape {shapes}, got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty")
    return array
