"""Tables as tidy CSV: one row a number, full double precision, every method named."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def tables_csv(results: dict, *, table: str) -> str:
    """The tables of this name of all sections, one after the other, with the section in front.

    Tables of one name have the same columns: ``metrics`` and ``tests`` (``sections.rows``).
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
    """A header and rows as CSV; text that a spreadsheet would take for a formula is quoted."""
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(header)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _safe(cell: Any) -> Any:
    """None is an empty cell."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return "" if cell is None else cell
