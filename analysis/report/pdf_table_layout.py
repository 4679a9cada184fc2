"""Tables set on pages: short ones share a page, long ones go on, their head again on each."""

import textwrap
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from analysis.exports.printed_table import PrintedTable, TableLine
from analysis.figures import theme
from analysis.report.pages import BOTTOM, MARGIN, WIDE, new_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In mm.
HEIGHTS = {"row": 4.2, "small": 3.4, "heading": 6.0}
TITLE, HEAD_LINE, NOTE_LINE, GAP, BELOW = 9.0, 4.6, 3.4, 4.0, 12.0
BETWEEN = 3.0  # columns
SMALLEST = 4.0  # points
NOTE_WIDTH = 140  # characters
MARKS, SMALL = 0.75, 0.88  # of the text's size
RULE = {"color": theme.BLACK, "linewidth": 0.8}


def table_pages(tables: Iterable[PrintedTable]) -> Iterator["Figure"]:
    """The tables one after the other. One that fits a page is not torn."""
    figure, axes = new_page()
    y = top = float(MARGIN)
    for table in tables:
        layout = _Layout(table)
        if y > top and y + layout.height > BOTTOM:
            yield figure
            figure, axes = new_page()
            y = top
        waiting = list(table.lines)
        y = layout.head(axes, table.title, y=y)
        while waiting:
            block = _together(waiting)
            needed = sum(HEIGHTS[line.kind] for line in block)
            needed += layout.notes_height * (len(block) == len(waiting))
            if y + needed > BOTTOM:
                layout.rule(axes, y=y)
                yield figure
                figure, axes = new_page()
                y = layout.head(axes, f"{table.title} (continued)", y=top)
            for line in block:
                layout.line(axes, line, y=y)
                y += HEIGHTS[line.kind]
            del waiting[: len(block)]
        layout.rule(axes, y=y)
        y = layout.notes(axes, y=y) + BELOW
    if y > top:
        yield figure


class _Layout:
    """How a table is set: its columns' edges in mm, and the size of print that fits the page."""

    def __init__(self, table: PrintedTable) -> None:
        widths = _widths(table)
        scale = min(1.0, (WIDE - 2 * MARGIN) / sum(widths))
        self.table = table
        self.edges = [float(MARGIN)]
        for width in widths:
            self.edges.append(self.edges[-1] + width * scale)
        self.size = max(theme.SIZE * scale, SMALLEST)
        self.below = [line for note in table.notes for line in textwrap.wrap(note, NOTE_WIDTH)]

    @property
    def notes_height(self) -> float:
        return GAP + NOTE_LINE * len(self.below)

    @property
    def height(self) -> float:
        """Of the whole table, on one page."""
        heads = HEAD_LINE * sum(_lines_high(line) for line in self.table.head)
        rows = sum(HEIGHTS[line.kind] for line in self.table.lines)
        return TITLE + heads + 1 + rows + self.notes_height

    def head(self, axes: "Axes", title: str, *, y: float) -> float:
        """The title, and the head between its rules; where the rows begin."""
        axes.text(MARGIN, y, title, va="top", fontsize=theme.SIZE + 2, fontweight="bold")
        y += TITLE
        axes.plot([self.edges[0], self.edges[-1]], [y, y], **RULE)
        for line in self.table.head:
            tall, at = _lines_high(line) * HEAD_LINE, 0
            for text, span in line:
                left, right = self.edges[at], self.edges[at + span]
                is_word = at < self.table.stubs and span == 1
                axes.text(
                    left if is_word else (left + right) / 2, y + tall / 2, text,
                    fontsize=self.size, fontweight="bold", va="center", linespacing=1.1,
                    ha="left" if is_word else "center",
                )  # fmt: skip
                if span > 1 and text:
                    axes.plot([left + 1, right - 1], [y + tall] * 2, **RULE | {"linewidth": 0.4})
                at += span
            y += tall
        axes.plot([self.edges[0], self.edges[-1]], [y, y], **RULE | {"linewidth": 0.5})
        return y + 1

    def line(self, axes: "Axes", line: TableLine, *, y: float) -> None:
        """One row."""
        middle = y + HEIGHTS[line.kind] / 2
        if line.kind == "heading":
            axes.text(self.edges[0], middle, line.cells[0].text, va="center", fontweight="bold",
                      fontsize=self.size)  # fmt: skip
            return
        size = self.size * (SMALL if line.kind == "small" else 1)
        for at, cell in enumerate(line.cells):
            is_word = at < self.table.stubs
            x = self.edges[at] if is_word else (self.edges[at] + self.edges[at + 1]) / 2
            axes.text(x, middle, cell.text, va="center", ha="left" if is_word else "center",
                      fontsize=size)  # fmt: skip
            if cell.marks:
                right = x + theme.text_width_mm(cell.text, size) * (1 if is_word else 0.5)
                axes.text(right + 0.2, middle - 0.7, cell.marks, va="center", ha="left",
                          fontsize=size * MARKS)  # fmt: skip

    def rule(self, axes: "Axes", *, y: float) -> None:
        """The line below the last row of a page."""
        axes.plot([self.edges[0], self.edges[-1]], [y + 1, y + 1], **RULE)

    def notes(self, axes: "Axes", *, y: float) -> float:
        """The notes below the last row; where they end."""
        for number, text in enumerate(self.below):
            axes.text(MARGIN, y + GAP + NOTE_LINE * number, text, va="top", fontsize=theme.SMALL)
        return y + self.notes_height


def _widths(table: PrintedTable) -> list[float]:
    """Of the columns in mm, at the full size of print."""
    widths = [0.0] * table.columns
    for line in table.lines:
        if line.kind != "heading":
            for at, cell in enumerate(line.cells):
                text = cell.text + cell.marks
                widths[at] = max(widths[at], theme.text_width_mm(text, theme.SIZE) + BETWEEN)
    for line in sorted(table.head, key=lambda line: max(span for _, span in line)):
        at = 0
        for text, span in line:
            longest = max(text.split("\n"), key=len)
            wide = theme.text_width_mm(longest, theme.SIZE, bold=True) + BETWEEN
            lacking = max(0.0, wide - sum(widths[at : at + span]))
            for column in range(at, at + span):
                widths[column] += lacking / span
            at += span
    return widths


def _lines_high(head: Iterable[tuple[str, int]]) -> int:
    return max(text.count("\n") + 1 for text, _ in head)


def _together(waiting: list[TableLine]) -> list[TableLine]:
    """The next rows that stand on one page: none ends below a heading or above a small row."""
    block = [waiting[0]]
    for line, below in pairwise(waiting):
        if line.kind != "heading" and below.kind != "small":
            break
        block.append(below)
    return block
