"""A study as arrays, without a database: what every section of an analysis is computed from."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis import canonical

MISSING = -1
UNAIDED, AIDED = 0, 1


@dataclass(frozen=True)
class CohortFacts:
    """A cohort of the study; ``role`` as in ``Cohort.Role``."""

    name: str
    role: str


@dataclass(frozen=True)
class ScreeningFacts:
    """Patients screened for a cohort, or for all together where ``cohort`` is "".

    ``exclusions`` are (reason as people read it, patients), in the order of exclusion.
    """

    cohort: str
    screened: int
    enrolled: int
    exclusions: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ReaderFacts:
    """A reader as tables name it."""

    code: str
    group: str
    years_of_experience: int


@dataclass(frozen=True)
class ModelFacts:
    """The model version of stage 2; ``threshold`` is its gate on the probability of malignancy.

    ``is_imported``: it ran elsewhere, and its predictions were brought in.
    """

    name: str
    sha256: str
    threshold: float
    is_trained: bool
    is_imported: bool


@dataclass(frozen=True, eq=False)
class Patients:
    """n patients, one node each.

    ``patient`` names each by a word that tells nothing; ``cohort`` is by name; ``truth`` and
    ``model``, the model's hard-gated decision, are class indices in the order of ``Etiology``,
    MISSING where there is none. ``probabilities``, shape (n, 3), are the sub-models', and
    ``four_class``, shape (n, 4), the hard-gated ones; NaN where the model has no result. The
    baseline characteristics are in the words of ``studies.clinical_vocabulary``, "" where unknown.
    """

    patient: NDArray[np.str_]
    cohort: NDArray[np.str_]
    truth: NDArray[np.int8]
    probabilities: NDArray[np.float64]
    four_class: NDArray[np.float64]
    model: NDArray[np.int8]
    sex: NDArray[np.str_]
    age: NDArray[np.int16]
    diameter_mm: NDArray[np.float64]
    location: NDArray[np.str_]
    neck_level: NDArray[np.str_]
    pathologic_method: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.patient)

    def of(self, chosen: NDArray[np.bool_]) -> "Patients":
        """Those chosen, shape (n,)."""
        return Patients(**{each.name: getattr(self, each.name)[chosen] for each in fields(self)})


@dataclass(frozen=True, eq=False)
class StudyData:
    """A study that is unblinded.

    ``testing`` are the patients that are read, ``training`` those that are not; ``cohorts`` has
    both, in the study's order. ``decisions``, int, are class indices by reader, stage and testing
    patient, shape (n_readers, 2, n), MISSING where not read; ``seconds``, float, of the same
    shape, the reading's time as ``sections.times`` says, NaN where not read.
    """

    cohorts: tuple[CohortFacts, ...]
    readers: tuple[ReaderFacts, ...]
    model: ModelFacts
    testing: Patients
    training: Patients
    decisions: NDArray[np.int8]
    seconds: NDArray[np.float64]
    screening: tuple[ScreeningFacts, ...] = ()

    def digest(self) -> str:
        """SHA-256 of everything here, the same whichever database it came from.

        Of each part in the order of definition: its path, then JSON, or for numbers the shape
        and the little-endian values, row by row. A study without screening has the digest that it
        had before there was any.
        """
        digest = hashlib.sha256()
        for path, value in _leaves("", self):
            if path.startswith("/screening") and not self.screening:
                continue
            digest.update(f"{path}\n".encode())
            digest.update(_bytes(value))
        return digest.hexdigest()


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value):
        for each in fields(value):
            yield from _leaves(f"{path}/{each.name}", getattr(value, each.name))
    elif isinstance(value, tuple):
        yield f"{path} {len(value)}", None
        for place, each in enumerate(value):
            yield from _leaves(f"{path}/{place}", each)
    else:
        yield path, value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, np.ndarray):
        return canonical.to_json(value).encode()
    if value.dtype.kind == "U":
        return canonical.to_json(value.tolist()).encode()
    little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    return f"{little.dtype.str}{little.shape}".encode() + little.tobytes()
