"""The document of a run's results: all that a page, a file or a figure shows of it.

    format      1
    study       slug, is_synthetic, notice (what a synthetic study says of itself)
    plan        the plan, as in its own document
    planned     whether this very plan was registered before the study was unblinded
    data        sha256 of what was read; the cohorts, readers and model that it is about
    sections    in the plan's order, each with name, title, planned, and tables by name

A table is tidy: one number a row, beside whatever it takes to say what the number is, with n and
method. In the document it is ``{"columns": [...], "rows": [[...], ...]}``. A number that could
not be computed is null, and the row's ``reason`` says why. Tables named ``metrics`` and ``tests``
have the same columns in every section (``sections._row_types``).

Nothing in a document tells when or where it was computed: the same data and plan, with the same
libraries, give the same bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from typing import Any

FORMAT = 1

TableDocument = dict[str, list]


def table(kind: type, rows: Iterable[Any]) -> TableDocument:
    """A table from dataclasses of one kind; a column a field, numbers as Python has them."""
    return {
        "columns": [each.name for each in fields(kind)],
        "rows": [[_plain(value) for value in astuple(row)] for row in rows],
    }


def records(found: TableDocument) -> Iterator[dict[str, Any]]:
    """The rows of a table, each by column."""
    for row in found["rows"]:
        yield dict(zip(found["columns"], row, strict=True))


def section(results: dict, name: str) -> dict | None:
    """A section of a document, or None if its plan did not ask for it."""
    return next((each for each in results["sections"] if each["name"] == name), None)


def _plain(value: Any) -> Any:
    """A NumPy scalar as Python's own."""
    return value.item() if hasattr(value, "item") else value
