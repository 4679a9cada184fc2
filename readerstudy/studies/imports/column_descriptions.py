"""What may be imported: the table that each kind of import needs, and its columns in words."""

from dataclasses import dataclass

from readerstudy.diagnosis import Etiology
from readerstudy.imaging import MANIFEST_NAME
from readerstudy.studies.clinical_vocabulary import (
    ExclusionReason,
    Location,
    NeckLevel,
    PathologicMethod,
    Sex,
)
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.imports.truth_table import TRUTH_COLUMNS, TRUTH_NAME
from readerstudy.studies.read_manifest import OPTIONAL_COLUMNS, manifest_columns
from readerstudy.studies.screening.table import (
    OPTIONAL_SCREENING_COLUMNS,
    SCREENING_COLUMNS,
    SCREENING_NAME,
)

Kind = ImportJob.Kind

_TABLES = {
    Kind.CASES_WITH_TRUTH: (MANIFEST_NAME, manifest_columns(), OPTIONAL_COLUMNS),
    Kind.CASES: (MANIFEST_NAME, manifest_columns(truth=False), OPTIONAL_COLUMNS),
    Kind.TRUTH: (TRUTH_NAME, TRUTH_COLUMNS, ()),
    Kind.SCREENING: (SCREENING_NAME, SCREENING_COLUMNS, OPTIONAL_SCREENING_COLUMNS),
}


def _one_of(vocabulary) -> str:
    return f"One of: {', '.join(vocabulary)}"


_FRAME = "Frame of a multi-frame DICOM file, counted from 1. If blank, you choose it in the review"
_SPACING = (
    "Size of a pixel in millimetres, above 0 and up to 10. If blank, it is taken from the "
    "DICOM file if given there"
)
# What each column holds, and a cell of it.
_WORDS = {
    "case_id": ("Id of the case, unique in the cohort: letters, digits, . _ -", "us-001"),
    "bus_file": ("Path of the B-mode image inside the source", "images/us-001_bus.png"),
    "bus_frame": (_FRAME, "1"),
    "cdfi_file": ("Path of the colour Doppler image inside the source", "images/us-001_cdfi.png"),
    "cdfi_frame": (_FRAME, "1"),
    "bus_mm_per_pixel": (_SPACING, "0.085"),
    "cdfi_mm_per_pixel": (_SPACING, "0.085"),
    "sex": (_one_of(Sex), Sex.FEMALE),
    "age": ("Whole years, 0 to 120", "47"),
    "diameter_mm": (
        "Longitudinal diameter of the node in millimetres, with a decimal point",
        "17.5",
    ),
    "location": (_one_of(Location), Location.LEFT),
    "neck_level": (_one_of(NeckLevel), NeckLevel.LEVEL_III),
    "pathologic_method": (_one_of(PathologicMethod), PathologicMethod.NEEDLE_BIOPSY),
    "etiology": (_one_of(Etiology), Etiology.LYMPHOMA),
    "instrument": ("Name of the ultrasound machine, up to 100 characters", "Maker Model 7"),
    "screening_id": (
        "Id of one patient, unique in the file; it is not stored. Blank in a row of counts",
        "s-0001",
    ),
    "cohort": (
        "Name of the cohort. Leave blank in all rows if all cohorts were screened together",
        "internal",
    ),
    "outcome": (
        "excluded or enrolled. A row with screened gives the total number screened if it was "
        "counted separately (otherwise it is the sum)",
        "excluded",
    ),
    "reason": (
        "Reason for exclusion. Each patient counts once, under the first reason that applied; "
        f"the order in the file is the order of exclusion. {_one_of(ExclusionReason)}",
        ExclusionReason.POOR_CDFI,
    ),
    "note": ("The reason in your own words, up to 200 characters; required for other", "motion"),
    "patients": ("Number of patients, in a row of counts. Blank in a row for one patient", "12"),
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
