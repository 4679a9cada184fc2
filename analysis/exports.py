"""Stored tables as tidy CSV: one row a number, full double precision, every method named."""

import csv
import io


def tables_csv(results: dict, *, table: str) -> str:
    """The tables of this name of all sections, one after the other, with the section in front.

    Tables of one name have the same columns: ``metrics`` and ``tests`` (``sections.rows``).
    """
    text = io.StringIO()
    writer = csv.writer(text)
    columns: list[str] = []
    for section in results["sections"]:
        found = section["tables"].get(table)
        if found is None:
            continue
        if not columns:
            columns = found["columns"]
            writer.writerow(["section", "planned", *columns])
        for row in found["rows"]:
            writer.writerow([section["name"], section["planned"], *map(_safe, row)])
    return text.getvalue()


def _safe(cell):
    """Text that a spreadsheet would take for a formula is quoted; None is an empty cell."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return "" if cell is None else cell
