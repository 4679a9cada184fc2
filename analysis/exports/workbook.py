"""All tables of a run as one XLSX workbook, a sheet a table; the same bytes each time."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from analysis.exports.provenance import Provenance
from analysis.exports.results_csv import require_fit

# A workbook must say when it was made; this one tells nothing of the results.
UNDATED = datetime(1980, 1, 1, tzinfo=UTC).replace(tzinfo=None)
NAME_LENGTH = 31  # of a sheet, the most that spreadsheets take
WIDEST = 40


class _FullPrecision(Worksheet):
    """Numbers with all the digits that they have; XlsxWriter cuts them off after 16."""

    def _xml_number_element(self, number: float, attributes: Sequence[tuple] = ()) -> None:
        named = "".join(f' {key}="{value}"' for key, value in attributes)
        self.fh.write(f"<c{named}><v>{number!r}</v></c>")


def results_xlsx(results: dict, provenance: Provenance, *, only: str = "") -> bytes:
    """Sheet "About", then every table of every section, in the plan's order; or of one section."""
    wanted = [each for each in results["sections"] if only in ("", each["name"])]
    titles = [("Section", _title(each)) for each in wanted]
    sheets = [("About", ["Fact", "Value"], [*provenance.facts(results), *titles])]
    for section in wanted:
        for name, table in sorted(section["tables"].items()):
            sheets.append((f"{section['name']}-{name}", table["columns"], table["rows"]))
    return workbook(sheets)


def workbook(sheets: Iterable[tuple[str, Sequence[str], Sequence[Sequence[Any]]]]) -> bytes:
    """A workbook of sheets, each (name, header, rows), the header frozen.

    Numbers are numbers, None is an empty cell, and text is never a formula or a link.
    """
    file = BytesIO()
    with Workbook(file, {"in_memory": True}) as book:
        book.set_properties({"created": UNDATED})
        bold = book.add_format({"bold": True, "bottom": 1})
        for name, header, rows in sheets:
            for row in rows:
                require_fit(header, row)
            sheet = book.add_worksheet(name[:NAME_LENGTH], worksheet_class=_FullPrecision)
            for column, title in enumerate(header):
                sheet.write_string(0, column, title, bold)
                sheet.set_column(column, column, _width(title, rows, column))
            sheet.freeze_panes(1, 0)
            for line, row in enumerate(rows, start=1):
                for column, value in enumerate(row):
                    _write(sheet, line, column, value)
    return file.getvalue()


def _write(sheet: Worksheet, line: int, column: int, value: Any) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(line, column, value)
    elif value is not None:
        sheet.write_string(line, column, value)


def _width(title: str, rows: Sequence[Sequence[Any]], column: int) -> int:
    """Of a column, in characters: as wide as its text, within reason."""
    words = (row[column] for row in rows[:200])
    longest = max((len(word) for word in words if isinstance(word, str)), default=0)
    return min(max(longest, len(title), 8) + 2, WIDEST)


def _title(section: dict) -> str:
    return f"{section['title']}{'' if section['planned'] else ' (exploratory)'}"
