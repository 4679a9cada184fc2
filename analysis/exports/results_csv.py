"""Tables as tidy CSV: one row a number, full double precision, every method named."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def tables_csv(results: dict, *, table: str) -> str:
    """The tables of this name of all sections, one after the other, with the section in front.

    Tables of one name have the same columns: ``metrics`` and ``tests`` (``sections._row_types``).
    """
    found = [
        (each, each["tables"][table]) for each in results["sections"] if table in each["tables"]
    ]
    columns = found[0][1]["columns"] if found else []
    return csv_text(
        ["section", "planned", *columns] if found else [],
        (
            [section["name"], section["planned"], *row]
            for section, its_table in found
            for row in its_table["rows"]
        ),
    )


def table_csv(table: dict) -> str:
    """One table of the document, as it is there."""
    return csv_text(table["columns"], table["rows"])


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A header (if any) and rows as CSV; text that would be a formula in a spreadsheet is quoted.

    Raises ValueError for a row that has more or fewer cells than the header.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    for row in rows:
        if header:
            require_fit(header, row)
        writer.writerow([_safe(cell) for cell in row])
    return text.getvalue()


def require_fit(header: Sequence[str], row: Sequence[Any]) -> None:
    """Raise ValueError for a row with a cell too many or too few: its numbers would stand under
    other names."""
    if len(row) != len(header):
        raise ValueError(f"a row of {len(row)} cells under {len(header)} headers: {list(header)}")


def _safe(cell: Any) -> Any:
    """None is an empty cell."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return "" if cell is None else cell
