"""What can be wrong with a source, said so that a person can put it right."""

from collections.abc import Iterable
from dataclasses import dataclass

MANIFEST_NAME = "manifest.csv"


def printable(text: str, *, limit: int = 80) -> str:
    """`text` safe to show on one line: no control characters, at most `limit` characters."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape", "replace").decode()
        for char in text[:limit]
    )
    return shown if len(text) <= limit and len(shown) <= limit else f"{shown[: limit - 1]}…"


def quoted(text: str) -> str:
    """`text` as a message quotes it: printable, shortened, between double quotes."""
    return f'"{printable(text)}"'


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where.

    `message` says what is wrong and what to do. `file` is the file at fault, as the source names
    it. `row` and `column` are the place in the manifest that is at fault, or that names the file
    at fault; `row` counts as a spreadsheet does, with the header as row 1. `table` is the
    manifest's name.
    """

    message: str
    file: str = ""
    row: int | None = None
    column: str = ""
    table: str = MANIFEST_NAME

    def __str__(self) -> str:
        cell = [f"row {self.row}"] if self.row is not None else []
        cell += [f"column {printable(self.column)}"] if self.column else []
        file = printable(self.file, limit=200)
        if cell and file and self.file != self.table:
            return f"{file} ({', '.join([self.table, *cell])}): {self.message}"
        place = ", ".join([file, *cell] if file else cell)
        return f"{place}: {self.message}" if place else self.message


class ImportRefused(Exception):
    """Nothing can be imported. `problems` holds every reason found, one at the least."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class UnreadableImage(Exception):
    """An image cannot be read. Its text says why, and names no patient."""
