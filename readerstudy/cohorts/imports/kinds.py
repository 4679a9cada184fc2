"""What may be imported: the table that each kind of import needs, and its columns in words."""

from dataclasses import dataclass

from readerstudy.cohorts.imports.models import ImportJob
from readerstudy.cohorts.imports.truth_table import TRUTH_COLUMNS, TRUTH_NAME
from readerstudy.cohorts.ingest import MANIFEST_NAME
from readerstudy.cohorts.ingest.manifest import OPTIONAL_COLUMNS, manifest_columns
from readerstudy.cohorts.screening.table import (
    OPTIONAL_SCREENING_COLUMNS,
    SCREENING_COLUMNS,
    SCREENING_NAME,
)
from readerstudy.cohorts.vocabulary import (
    ExclusionReason,
    Location,
    NeckLevel,
    PathologicMethod,
    Sex,
)
from readerstudy.diagnosis import Etiology

Kind = ImportJob.Kind

_TABLES = {
    Kind.CASES_WITH_TRUTH: (MANIFEST_NAME, manifest_columns(), OPTIONAL_COLUMNS),
    Kind.CASES: (MANIFEST_NAME, manifest_columns(truth=False), OPTIONAL_COLUMNS),
    Kind.TRUTH: (TRUTH_NAME, TRUTH_COLUMNS, ()),
    Kind.SCREENING: (SCREENING_NAME, SCREENING_COLUMNS, OPTIONAL_SCREENING_COLUMNS),
}


def _one_of(vocabulary) -> str:
    return f"One of: {', '.join(vocabulary)}"


_FRAME = "Frame of a multi-frame DICOM file, counted from 1; blank: the first"
_SPACING = (
    "Size of a pixel in millimetres, above 0 and up to 10; blank: what a DICOM file tells, else "
    "not known"
)
# What each column holds, and a cell of it.
_WORDS = {
    "case_id": ("The patient's id in this import: letters, digits, . _ -; once a cohort", "us-001"),
    "bus_file": ("Path of the B-mode image inside the source", "images/us-001_bus.png"),
    "bus_frame": (_FRAME, "1"),
    "cdfi_file": ("Path of the colour Doppler image inside the source", "images/us-001_cdfi.png"),
    "cdfi_frame": (_FRAME, "1"),
    "bus_mm_per_pixel": (_SPACING, "0.085"),
    "cdfi_mm_per_pixel": (_SPACING, "0.085"),
    "sex": (_one_of(Sex), Sex.FEMALE),
    "age": ("Whole years, 0 to 120", "47"),
    "diameter_mm": ("The node's longitudinal diameter in millimetres, with a point", "17.5"),
    "location": (_one_of(Location), Location.LEFT),
    "neck_level": (_one_of(NeckLevel), NeckLevel.LEVEL_III),
    "pathologic_method": (_one_of(PathologicMethod), PathologicMethod.NEEDLE_BIOPSY),
    "etiology": (_one_of(Etiology), Etiology.LYMPHOMA),
    "instrument": ("Name of the ultrasound machine, up to 100 characters", "Maker Model 7"),
    "screening_id": (
        "One patient: an id, once in the file, which is not kept; blank in a row of counts",
        "s-0001",
    ),
    "cohort": ("Name of the cohort; blank throughout: all were screened together", "internal"),
    "outcome": (
        "excluded or enrolled; screened gives the number of all who were screened, as counted "
        "apart (else it is the sum)",
        "excluded",
    ),
    "reason": (
        f"Why excluded; a patient counts once, under the first reason that applied, and the file's "
        f"order is the order of exclusion. {_one_of(ExclusionReason)}",
        ExclusionReason.POOR_CDFI,
    ),
    "note": ("The reason in your own words, up to 200 characters; needed for other", "motion"),
    "patients": ("How many, in a row of counts; blank in a row of one patient", "12"),
}


@dataclass(frozen=True)
class Column:
    """A column of a table, in words."""

    name: str
    is_optional: bool
    explanation: str
    example: str


def table_of(kind: str) -> str:
    """The name that the table has inside a source."""
    name, _columns, _optional = _TABLES[Kind(kind)]
    return name


def columns_of(kind: str) -> list[Column]:
    """The columns of a kind's table, in the order in which they are listed to people."""
    _name, columns, optional = _TABLES[Kind(kind)]
    return [
        Column(name, name in optional, _WORDS[name][0], str(_WORDS[name][1])) for name in columns
    ]


def template_of(kind: str) -> str:
    """An empty table of this kind: the header of a CSV file."""
    return ",".join(column.name for column in columns_of(kind)) + "\r\n"
