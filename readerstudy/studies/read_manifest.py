"""The manifest: one row a case, with its two image files, characteristics and diagnosis."""

import re
from dataclasses import dataclass

from readerstudy.diagnosis import Etiology
from readerstudy.imaging.csv_table import (
    CellError,
    Faults,
    Parsers,
    Values,
    file_parser,
    one_of,
    parse_case_id,
    read_table,
)
from readerstudy.imaging.folder_or_zip import Source
from readerstudy.imaging.problems import MANIFEST_NAME, Problem, quoted
from readerstudy.imaging.source_limits import MAX_MM_PER_PIXEL
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, PathologicMethod, Sex

MAX_AGE_YEARS = 120
MAX_DIAMETER_MM = 200
MAX_INSTRUMENT_LENGTH = 100
OPTIONAL_COLUMNS = ("bus_frame", "cdfi_frame", "bus_mm_per_pixel", "cdfi_mm_per_pixel")

_WHOLE = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"(?=.{1,20}\Z)([0-9]+(\.[0-9]*)?|\.[0-9]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestRow:
    """One case as the manifest tells it. `row` is its row in a spreadsheet, the header being 1.

    `age` is in whole years and `diameter_mm`, the node's longitudinal diameter, in millimetres;
    frames count from 1, and one that is not given is chosen later. Without millimetres per pixel a
    DICOM file may tell them itself. The truth is None where the manifest comes without it.
    """

    row: int
    case_id: str
    bus_file: str
    bus_frame: int | None = None
    cdfi_file: str
    cdfi_frame: int | None = None
    bus_mm_per_pixel: float | None = None
    cdfi_mm_per_pixel: float | None = None
    sex: Sex
    age: int
    diameter_mm: float
    location: Location
    neck_level: NeckLevel
    pathologic_method: PathologicMethod | None = None
    etiology: Etiology | None = None
    instrument: str


def read_manifest(source: Source, *, truth: bool = True) -> tuple[list[ManifestRow], list[Problem]]:
    """Read the manifest of `source`, and check that each file which it names is there.

    Without `truth` it has no columns of the truth, which comes by itself.

    Returns
    -------
    rows : list of ManifestRow
        The good rows in the manifest's order: all of them, if there are no problems.
    problems : list of Problem
        Everything wrong with the manifest, from top to bottom. Cells are checked on their own,
        so one bad cell hides no other.
    """
    table = read_table(
        source,
        file=MANIFEST_NAME,
        parsers=_parsers(source) if truth else _without_truth(_parsers(source)),
        optional=OPTIONAL_COLUMNS,
        check=_Seen().faults,
    )
    return [ManifestRow(row=row, **values) for row, values in table.rows], table.problems


class _Seen:
    """Cases and images of the rows so far, of which none may come again."""

    def __init__(self):
        self._case_rows: dict[str, int] = {}
        self._image_places: dict[tuple[str, int], str] = {}

    def faults(self, row: int, values: Values, _given: set[str]) -> Faults:
        """What this row has that a row before it, or the row itself, has already."""
        if case_id := values.get("case_id"):
            first = self._case_rows.setdefault(case_id, row)
            if first != row:
                message = f"{quoted(case_id)} is already in row {first}; each case has one row"
                yield message, "case_id"
        for kind in ("bus", "cdfi"):
            column = f"{kind}_file"
            if column not in values:
                continue
            image = (values[column], values.get(f"{kind}_frame", 1))
            here = f"row {row}, column {column}"
            first = self._image_places.setdefault(image, here)
            if first != here:
                message = f"{quoted(image[0])}, frame {image[1]}, is already used in {first}"
                yield f"{message}; each image belongs to one case", column


def manifest_columns(*, truth: bool = True) -> tuple[str, ...]:
    """The names of all columns in the order in which they are listed to people."""
    parsers = _parsers(None)
    return tuple(parsers if truth else _without_truth(parsers))


def truth_parsers() -> Parsers:
    """What reads a cell of each column of a case's truth."""
    return {"pathologic_method": one_of(PathologicMethod), "etiology": one_of(Etiology)}


def _without_truth(parsers: Parsers) -> Parsers:
    return {name: parse for name, parse in parsers.items() if name not in truth_parsers()}


def _parsers(source: Source | None) -> Parsers:
    """What reads a cell of each column, in the order in which columns are listed to people."""
    return {
        "case_id": parse_case_id,
        "bus_file": file_parser(source),
        "bus_frame": _frame,
        "cdfi_file": file_parser(source),
        "cdfi_frame": _frame,
        "bus_mm_per_pixel": _spacing,
        "cdfi_mm_per_pixel": _spacing,
        "sex": one_of(Sex),
        "age": _age,
        "diameter_mm": _diameter,
        "location": one_of(Location),
        "neck_level": one_of(NeckLevel),
        **truth_parsers(),
        "instrument": _instrument,
    }


def _frame(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise CellError(f"{quoted(text)} is not a frame number; write 1 for the first frame")
    return int(text)


def _age(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) > MAX_AGE_YEARS:
        raise CellError(f"{quoted(text)} is not an age; write whole years, 0 to {MAX_AGE_YEARS}")
    return int(text)


def _diameter(text: str) -> float:
    if not _DECIMAL.fullmatch(text) or not 0 < float(text) <= MAX_DIAMETER_MM:
        raise CellError(
            f"{quoted(text)} is not a diameter; write millimetres above 0 and up to "
            f"{MAX_DIAMETER_MM}, as in 12.5, with a decimal point and no unit"
        )
    return float(text)


def _spacing(text: str) -> float:
    if not _DECIMAL.fullmatch(text) or not 0 < float(text) <= MAX_MM_PER_PIXEL:
        raise CellError(
            f"{quoted(text)} is not a pixel's size; write millimetres above 0 and up to "
            f"{MAX_MM_PER_PIXEL}, as in 0.085, with a decimal point and no unit, or leave it blank"
        )
    return float(text)


def _instrument(text: str) -> str:
    if len(text) > MAX_INSTRUMENT_LENGTH or not text.isprintable():
        raise CellError(
            f"{quoted(text)} is not allowed; write 1 to {MAX_INSTRUMENT_LENGTH} characters "
            "without line breaks or control characters"
        )
    return text
