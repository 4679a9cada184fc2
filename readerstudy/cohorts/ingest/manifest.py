"""The manifest: one row a case, with its two image files, characteristics and diagnosis."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from readerstudy.cohorts.ingest.names import name_fault
from readerstudy.cohorts.ingest.problems import MANIFEST_NAME, ImportRefused, Problem, quoted
from readerstudy.cohorts.ingest.sources import Source
from readerstudy.cohorts.vocabulary import Location, NeckLevel, PathologicMethod, Sex
from readerstudy.diagnosis import Etiology

MAX_AGE_YEARS = 120
MAX_DIAMETER_MM = 200
MAX_INSTRUMENT_LENGTH = 100
OPTIONAL_COLUMNS = ("bus_frame", "cdfi_frame")

_CASE_ID = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,64}")
_WHOLE = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"(?=.{1,20}\Z)([0-9]+(\.[0-9]*)?|\.[0-9]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestRow:
    """One case as the manifest tells it. `row` is its row in a spreadsheet, the header being 1.

    `age` is in whole years and `diameter_mm`, the node's longitudinal diameter, in millimetres;
    frames count from 1.
    """

    row: int
    case_id: str
    bus_file: str
    bus_frame: int = 1
    cdfi_file: str
    cdfi_frame: int = 1
    sex: Sex
    age: int
    diameter_mm: float
    location: Location
    neck_level: NeckLevel
    pathologic_method: PathologicMethod
    etiology: Etiology
    instrument: str


def read_manifest(source: Source) -> tuple[list[ManifestRow], list[Problem]]:
    """Read the manifest of `source`, and check that each file which it names is there.

    Returns
    -------
    rows : list of ManifestRow
        The good rows in the manifest's order: all of them, if there are no problems.
    problems : list of Problem
        Everything wrong with the manifest, from top to bottom. Cells are checked on their own,
        so one bad cell hides no other.
    """
    if message := source.missing(MANIFEST_NAME):
        return [], [Problem(message, file=MANIFEST_NAME)]
    try:
        text = _text(source.read(MANIFEST_NAME, source.limits.max_manifest_bytes))
    except ImportRefused as refused:
        return [], list(refused.problems)
    reading = _Reading(source)
    reading.read(text)
    return reading.rows, reading.problems


def _text(data: bytes) -> str:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if b"\0" in line:
            raise _refusal("contains a NUL byte; save it as CSV, UTF-8", row=number)
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise _refusal("is not UTF-8; save it as CSV, UTF-8", row=number) from error
    return data.decode("utf-8-sig")


def _refusal(message: str, *, row: int) -> ImportRefused:
    return ImportRefused([Problem(message, file=MANIFEST_NAME, row=row)])


class _CellError(ValueError):
    """A cell's value is not allowed; the text says what is."""


class _Reading:
    """One pass through a manifest, and what has been seen on the way."""

    def __init__(self, source: Source):
        self.rows: list[ManifestRow] = []
        self.problems: list[Problem] = []
        self._source = source
        self._case_rows: dict[str, int] = {}
        self._image_places: dict[tuple[str, int], str] = {}
        self._parsers = _parsers(source)

    def read(self, text: str) -> None:
        """Fill `rows` and `problems` from the manifest's text."""
        records = self._records(text)
        row, header = next(records, (1, []))
        if not header:
            if not self.problems:
                self._add("is empty; it needs a header and one row for each case")
            return
        columns = self._columns(header, row)
        if not columns:
            return
        count = 0
        for count, (row, cells) in enumerate(records, start=1):
            if count > self._source.limits.max_rows:
                most = self._source.limits.max_rows
                self._add(f"more than {most:,} cases; import fewer at a time", row)
                return
            self._read_row(cells, columns, len(header), row)
        if not count and not self.problems:
            self._add("has a header but no cases; add one row for each case")

    def _records(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """(row, stripped cells) of each row that is not wholly blank."""
        row = 0
        try:
            # strict: a stray or unterminated quote is an error. newline=None: CR ends lines too.
            for row, cells in enumerate(csv.reader(io.StringIO(text, None), strict=True), start=1):
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    yield row, stripped
        except csv.Error as error:
            reason = _csv_reason(error)
            self._add(f"malformed CSV: {reason}; check the quotation marks", row + 1)

    def _columns(self, header: list[str], row: int) -> dict[str, int]:
        """Position of each known column; problems are noted."""
        columns: dict[str, int] = {}
        for position, cell in enumerate(header):
            name = cell.lower()
            if not name:
                self._add(f"column {position + 1} has no name in the header; name it", row)
            elif name not in self._parsers:
                allowed = ", ".join(self._parsers)
                self._add(f"unknown column {quoted(cell)}; allowed: {allowed}", row)
            elif name in columns:
                self._add("column is there twice; keep one", row, name)
            else:
                columns[name] = position
        for name in self._parsers:
            if name not in columns and name not in OPTIONAL_COLUMNS:
                self._add("column is missing; add it, separated by commas", row, name)
        return columns

    def _read_row(self, cells: list[str], columns: Mapping[str, int], width: int, row: int) -> None:
        if len(cells) != width:
            few_or_many = "few" if len(cells) < width else "many"
            message = f"too {few_or_many} cells: {len(cells)}, where the header has {width}"
            self._add(f"{message}; check the commas and quotation marks", row)
            return
        before = len(self.problems)
        values = {}
        for name, position in columns.items():
            if not cells[position]:
                if name not in OPTIONAL_COLUMNS:
                    self._add("is blank; fill it in", row, name)
                continue
            try:
                values[name] = self._parsers[name](cells[position])
            except _CellError as error:
                self._add(str(error), row, name)
        self._check_unique(values, row)
        complete = not (self._parsers.keys() - columns.keys() - set(OPTIONAL_COLUMNS))
        if complete and len(self.problems) == before:
            self.rows.append(ManifestRow(row=row, **values))

    def _check_unique(self, values: Mapping, row: int) -> None:
        if case_id := values.get("case_id"):
            first = self._case_rows.setdefault(case_id, row)
            if first != row:
                message = f"{quoted(case_id)} is already in row {first}; each case has one row"
                self._add(message, row, "case_id")
        for kind in ("bus", "cdfi"):
            column = f"{kind}_file"
            if column not in values:
                continue
            image = (values[column], values.get(f"{kind}_frame", 1))
            here = f"row {row}, column {column}"
            first = self._image_places.setdefault(image, here)
            if first != here:
                message = f"{quoted(image[0])}, frame {image[1]}, is already used in {first}"
                self._add(f"{message}; each image belongs to one case", row, column)

    def _add(self, message: str, row: int | None = None, column: str = "") -> None:
        self.problems.append(Problem(message, file=MANIFEST_NAME, row=row, column=column))


def _csv_reason(error: csv.Error) -> str:
    """The csv module's one-line reason, in a person's words where it has none."""
    text = str(error)
    return "a quotation mark is never closed" if text == "unexpected end of data" else text


def _parsers(source: Source) -> dict[str, Callable[[str], object]]:
    """What reads a cell of each column, in the order in which columns are listed to people."""
    return {
        "case_id": _case_id,
        "bus_file": lambda text: _file(text, source),
        "bus_frame": _frame,
        "cdfi_file": lambda text: _file(text, source),
        "cdfi_frame": _frame,
        "sex": _one_of(Sex),
        "age": _age,
        "diameter_mm": _diameter,
        "location": _one_of(Location),
        "neck_level": _one_of(NeckLevel),
        "pathologic_method": _one_of(PathologicMethod),
        "etiology": _one_of(Etiology),
        "instrument": _instrument,
    }


def _one_of(vocabulary: type[StrEnum]) -> Callable[[str], StrEnum]:
    members = {member.value.lower(): member for member in vocabulary}
    allowed = ", ".join(vocabulary)

    def parse(text: str) -> StrEnum:
        if text.lower() not in members:
            raise _CellError(f"{quoted(text)} is not allowed; write one of: {allowed}")
        return members[text.lower()]

    return parse


def _case_id(text: str) -> str:
    if not _CASE_ID.fullmatch(text):
        raise _CellError(
            f"{quoted(text)} is not allowed; write 1 to 64 of the letters A to Z and a to z, "
            "digits and . _ -, with one letter or digit at the least"
        )
    return text


def _file(text: str, source: Source) -> str:
    if fault := name_fault(text):
        raise _CellError(f"{quoted(text)} {fault}")
    if message := source.missing(text):
        raise _CellError(message)
    return text


def _frame(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise _CellError(f"{quoted(text)} is not a frame number; write 1 for the first frame")
    return int(text)


def _age(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) > MAX_AGE_YEARS:
        raise _CellError(f"{quoted(text)} is not an age; write whole years, 0 to {MAX_AGE_YEARS}")
    return int(text)


def _diameter(text: str) -> float:
    if not _DECIMAL.fullmatch(text) or not 0 < float(text) <= MAX_DIAMETER_MM:
        raise _CellError(
            f"{quoted(text)} is not a diameter; write millimetres above 0 and up to "
            f"{MAX_DIAMETER_MM}, as in 12.5, with a point and no unit"
        )
    return float(text)


def _instrument(text: str) -> str:
    if len(text) > MAX_INSTRUMENT_LENGTH or not text.isprintable():
        raise _CellError(
            f"{quoted(text)} is not allowed; write 1 to {MAX_INSTRUMENT_LENGTH} characters "
            "without line breaks or control characters"
        )
    return text
