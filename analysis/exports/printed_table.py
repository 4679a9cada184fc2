"""A table as it stands in print: what LaTeX and the report are typeset from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from analysis.results_document import records, section

Record = dict
NOT_AVAILABLE = "n/a"
MINUS = "\N{MINUS SIGN}"
LEVELS = ((0.001, 3), (0.01, 2), (0.05, 1))


class NotPrintable(Exception):
    """The document does not hold the table; the message says why."""


@dataclass(frozen=True)
class Cell:
    """Text, and the marks of significance that stand above the line after it."""

    text: str
    marks: str = ""


@dataclass(frozen=True)
class TableLine:
    """A row. "heading" has one cell for the whole width; "small" goes with the row above it."""

    cells: tuple[Cell, ...]
    kind: Literal["row", "small", "heading"] = "row"


@dataclass(frozen=True)
class PrintedTable:
    """A table: head lines of (text, columns that it spans), rows, and notes below.

    The first ``stubs`` columns are words, set flush left; the others are centred.
    """

    name: str
    title: str
    stubs: int
    head: tuple[tuple[tuple[str, int], ...], ...]
    lines: tuple[TableLine, ...]
    notes: tuple[str, ...]

    @property
    def columns(self) -> int:
        return sum(span for _, span in self.head[0])


def print_row(*texts: str | Cell) -> TableLine:
    """A row of texts or cells."""
    return TableLine(tuple(t if isinstance(t, Cell) else Cell(t) for t in texts))


def small_print_row(*texts: str) -> TableLine:
    """A row in small print, below the one that it belongs to."""
    return TableLine(tuple(Cell(text) for text in texts), kind="small")


def heading(text: str) -> TableLine:
    """A heading across the table."""
    return TableLine((Cell(text),), kind="heading")


def table_rows(document: dict, name: str, table: str) -> list[Record]:
    """The rows of a section's table. Raises NotPrintable without the section."""
    found = section(document, name)
    if found is None:
        raise NotPrintable(f"The plan of this run does not ask for the section “{name}”.")
    return list(records(found["tables"][table]))


def marks_of(p: float | None, mark: str) -> str:
    """One mark below 0.05, two below 0.01, three below 0.001."""
    if p is None:
        return ""
    return next((mark * times for level, times in LEVELS if p < level), "")


def p_of(test: Record | None) -> float | None:
    """The p-value that counts: the adjusted one if there is one."""
    if test is None:
        return None
    return test["p_value"] if test["p_adjusted"] is None else test["p_adjusted"]


def percent(share: float | None) -> str:
    """One decimal, without the sign."""
    return NOT_AVAILABLE if share is None else f"{100 * share:.1f}"


def p_text(p: float | None) -> str:
    """Three decimals; never 0.000."""
    if p is None:
        return NOT_AVAILABLE
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def limits_text(found: Record | None, *, digits: int = 1, times: float = 100) -> str:
    """“(81.3-87.4)” with a dash, "to" where one is negative, "" where there is no interval."""
    if found is None or found["low"] is None or found["high"] is None:
        return ""
    low, high = (_signed(times * found[name], digits) for name in ("low", "high"))
    return f"({low} to {high})" if MINUS in low else f"({low}\N{EN DASH}{high})"


def _signed(value: float, digits: int) -> str:
    """With a sign as printers set it; never minus nought."""
    text = f"{abs(value):.{digits}f}"
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def even_chunks(names: Sequence[str], size: int) -> list[list[str]]:
    """The names in runs of nearly equal length, each at most ``size`` long."""
    parts = -(-len(names) // size)
    length, longer = divmod(len(names), parts or 1)
    starts = [part * length + min(part, longer) for part in range(parts + 1)]
    return [list(names[start:end]) for start, end in pairwise(starts)]
