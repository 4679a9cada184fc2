"""A CSV table of one row a case, read cell by cell: every fault with its row and column."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from readerstudy.imaging.file_names import name_fault
from readerstudy.imaging.folder_or_zip import Source
from readerstudy.imaging.problems import ImportRefused, Problem, quoted
from readerstudy.imaging.source_limits import Limits

MAX_COLUMNS = 200

Parsers = Mapping[str, Callable[[str], object]]
Values = dict[str, object]
Faults = Iterator[tuple[str, str]]

_CASE_ID = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,64}")
_WHOLE = re.compile(r"[0-9]{1,9}")
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}


class CellError(ValueError):
    """A cell's value is not allowed; the text says what is."""


@dataclass(frozen=True)
class ParsedTable:
    """The good rows as (row, values by column), everything wrong, and how many rows there were."""

    rows: list[tuple[int, Values]]
    problems: list[Problem]
    count: int


def read_table(
    source: Source,
    *,
    file: str,
    parsers: Parsers,
    optional: Collection[str] = (),
    check: Callable[[int, Values, set[str]], Faults],
) -> ParsedTable:
    """Read the table `file` of `source`.

    Cells are checked on their own, so one bad cell hides no other. Problems are listed from top
    to bottom.

    Parameters
    ----------
    parsers : mapping
        What reads a cell of each column, in the order in which columns are listed to people; it
        raises CellError. Columns are known by their name in lower case.
    optional : collection of str
        Columns that may be missing or blank; they are then missing among a row's values.
    check : callable
        Given each row, what could be read of it, and its columns that are not blank, the
        (message, column) of what is wrong with the cells together, or beside the rows before.
    """
    if message := source.missing(file):
        return ParsedTable([], [Problem(message, file=file, table=file)], 0)
    try:
        text = _text(source.read(file, source.limits.max_manifest_bytes), file)
    except ImportRefused as refused:
        return ParsedTable([], list(refused.problems), 0)
    reading = _Reading(file, parsers, optional, check, limits=source.limits)
    reading.read(text)
    return ParsedTable(reading.rows, reading.problems, reading.count)


def parse_case_id(text: str) -> str:
    """Parse a case's id."""
    if not _CASE_ID.fullmatch(text):
        raise CellError(
            f"{quoted(text)} is not allowed; write 1 to 64 of the letters A to Z and a to z, "
            "digits and . _ -, with at least one letter or digit"
        )
    return text


def one_of(vocabulary: type[StrEnum]) -> Callable[[str], StrEnum]:
    """What parses a word of a vocabulary, in capitals or not."""
    members = {member.value.lower(): member for member in vocabulary}
    allowed = ", ".join(vocabulary)

    def parse(text: str) -> StrEnum:
        if text.lower() not in members:
            raise CellError(f"{quoted(text)} is not allowed; write one of: {allowed}")
        return members[text.lower()]

    return parse


def whole_number(text: str, *, least: int, most: int, what: str) -> int:
    """Parse a whole number between these two."""
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise CellError(f"{quoted(text)} is not a {what}; write a whole number, {least} to {most}")
    return int(text)


def file_parser(source: Source) -> Callable[[str], str]:
    """What parses the name of a file that must be in `source`."""

    def parse(text: str) -> str:
        if fault := name_fault(text):
            raise CellError(f"{quoted(text)} {fault}")
        if message := source.missing(text):
            raise CellError(message)
        return text

    return parse


def _text(data: bytes, file: str) -> str:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if b"\0" in line:
            raise _refusal("contains a NUL byte; save it as CSV, UTF-8", file, row=number)
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise _refusal("is not UTF-8; save it as CSV, UTF-8", file, row=number) from error
    return data.decode("utf-8-sig")


def _refusal(message: str, file: str, *, row: int) -> ImportRefused:
    return ImportRefused([Problem(message, file=file, row=row, table=file)])


class _Reading:
    """One pass through a table, and what has been found on the way."""

    def __init__(self, file, parsers, optional, check, *, limits: Limits):
        self.rows: list[tuple[int, Values]] = []
        self.problems: list[Problem] = []
        self.count = 0
        self._file = file
        self._parsers = parsers
        self._optional = set(optional)
        self._check = check
        self._limits = limits

    def read(self, text: str) -> None:
        """Fill `rows` and `problems` from the table's text."""
        records = self._records(text)
        row, header = next(records, (1, []))
        if not header:
            if not self.problems:
                self._add("is empty; it needs a header and one row for each case")
            return
        columns = self._columns(header, row)
        if not columns:
            return
        for row, cells in records:
            if self.count == self._limits.max_rows:
                self._add(f"more than {self._limits.max_rows:,} cases; import fewer at a time", row)
                return
            if len(self.problems) >= self._limits.max_problems:
                self._add("too many problems; correct these, then check again for more", row)
                return
            self.count += 1
            self._read_row(cells, columns, len(header), row)
        if not self.count and not self.problems:
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
        if separators := _wrong_separators(header):
            self._add(
                f"the cells are separated by {separators}; save the table with commas between "
                "cells, and points in decimal numbers",
                row,
            )
            return columns
        if len(header) > MAX_COLUMNS:
            self._add(f"more than {MAX_COLUMNS} columns; keep only the expected ones", row)
            return columns
        for position, cell in enumerate(header):
            name = cell.lower()
            if not name:
                self._add(f"column {position + 1} has no name in the header; name it", row)
            elif name not in self._parsers:
                allowed = ", ".join(self._parsers)
                self._add(f"unknown column {quoted(cell)}; allowed: {allowed}", row)
            elif name in columns:
                self._add("column appears twice; keep one", row, name)
            else:
                columns[name] = position
        for name in self._parsers:
            if name not in columns and name not in self._optional:
                self._add("column is missing; add it, separated by commas", row, name)
        return columns

    def _read_row(self, cells: list[str], columns: Mapping[str, int], width: int, row: int) -> None:
        if len(cells) != width:
            few_or_many = "few" if len(cells) < width else "many"
            message = f"too {few_or_many} cells: {len(cells)}, but the header has {width}"
            self._add(
                f"{message}; check the commas and quotation marks, and that decimal numbers have "
                "points",
                row,
            )
            return
        before = len(self.problems)
        values: Values = {}
        given = {name for name, position in columns.items() if cells[position]}
        for name, position in columns.items():
            if name not in given:
                if name not in self._optional:
                    self._add("is blank; fill it in", row, name)
                continue
            try:
                values[name] = self._parsers[name](cells[position])
            except CellError as error:
                self._add(str(error), row, name)
        for message, column in self._check(row, values, given):
            self._add(message, row, column)
        complete = not (self._parsers.keys() - columns.keys() - self._optional)
        if complete and len(self.problems) == before:
            self.rows.append((row, values))

    def _add(self, message: str, row: int | None = None, column: str = "") -> None:
        self.problems.append(
            Problem(message, file=self._file, row=row, column=column, table=self._file)
        )


def _wrong_separators(header: list[str]) -> str:
    """The name of what separates the cells of a header that has no comma; "" if it is one cell."""
    found = [name for sign, name in _OTHER_SEPARATORS.items() if sign in header[0]]
    return found[0] if len(header) == 1 and found else ""


def _csv_reason(error: csv.Error) -> str:
    """The csv module's one-line reason, in a person's words where it has none."""
    text = str(error)
    return "a quotation mark is never closed" if text == "unexpected end of data" else text
