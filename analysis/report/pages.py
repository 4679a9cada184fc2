"""Pages of A4: a title page, tables set in columns, and figures under their captions."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from analysis.exports.printed import Line, Printed, row
from analysis.figures import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

WIDE, TALL = 210, 297  # mm
MARGIN, FOOT = 18, 14
HEIGHTS = {"row": 4.2, "small": 3.4, "heading": 6.0}
HEAD_LINE, NOTE_LINE, GAP = 4.6, 3.4, 3.0
SMALLEST = 4.0  # points
MARKS = 0.75  # of the text's size


def title_page(facts: Sequence[tuple[str, str]], contents: Sequence[tuple[str, str]]) -> "Figure":
    """Names and values, then the sections with how each stands."""
    figure, axes = _page()
    axes.text(MARGIN, 36, "Analysis report", fontsize=20, fontweight="bold", va="baseline")
    y = 48.0
    for name, value in (*facts, ("", ""), ("Sections", ""), *contents):
        lines = textwrap.wrap(value, 84, break_long_words=True) or [""]
        weight = "bold" if value == "" else "normal"
        axes.text(MARGIN, y, name, va="top", fontweight=weight, color=theme.BLACK)
        for line in lines:
            axes.text(MARGIN + 48, y, line, va="top")
            y += 4.4
    return figure


def table_pages(table: Printed) -> Iterator["Figure"]:
    """The table on as many pages as it takes, each with its head; notes after the last row."""
    edges, size = _columns(table)
    waiting = list(table.lines)
    part = 0
    while waiting or not part:
        part += 1
        figure, axes = _page()
        title = table.title if part == 1 else f"{table.title} (continued)"
        axes.text(MARGIN, MARGIN, title, va="top", fontsize=theme.SIZE + 2, fontweight="bold")
        y = _head(axes, table, edges, size, y=MARGIN + 9)
        while waiting and y + _needed(waiting) < TALL - MARGIN - FOOT:
            line = waiting.pop(0)
            _line(axes, line, edges, table.stubs, size, y=y)
            y += HEIGHTS[line.kind]
        axes.plot([edges[0], edges[-1]], [y + 1, y + 1], color=theme.BLACK, linewidth=0.8)
        if not waiting:
            _notes(axes, table.notes, y=y + 1 + GAP)
        yield figure


def caption(figure: "Figure", *, title: str, text: str) -> None:
    """The title above a figure and its text below, both outside of it: for a page around it."""
    height = figure.get_size_inches()[1] / theme.MM
    looks = {"transform": figure.transFigure, "ha": "left"}
    figure.text(0, 1 + 4 / height, title, va="bottom", fontsize=theme.SIZE + 2,
                fontweight="bold", **looks)  # fmt: skip
    figure.text(0, -4 / height, textwrap.fill(text, 118), va="top", linespacing=1.3, **looks)


def page_around(figure: "Figure") -> "Bbox":
    """The A4 page in the figure's own inches, the figure near its top and in the middle."""
    from matplotlib.transforms import Bbox

    width, height = figure.get_size_inches()
    left = (WIDE * theme.MM - width) / 2
    return Bbox.from_bounds(
        -left, height - (TALL - MARGIN - 8) * theme.MM, WIDE * theme.MM, TALL * theme.MM
    )


def number(figure: "Figure", page: int, running: str, *, at: tuple[float, float]) -> None:
    """The page's foot, from `at`, the page's lower left corner in the figure's inches."""
    width, height = figure.get_size_inches()
    y = (at[1] + FOOT * theme.MM) / height
    looks = {"fontsize": theme.SMALL, "color": theme.GREY}
    figure.text((at[0] + MARGIN * theme.MM) / width, y, running, ha="left", **looks)
    figure.text((at[0] + (WIDE - MARGIN) * theme.MM) / width, y, str(page), ha="right", **looks)


def _page() -> tuple["Figure", "Axes"]:
    return theme.new_sheet(width=WIDE * theme.MM, height=TALL * theme.MM)


def _columns(table: Printed) -> tuple[list[float], float]:
    """The columns' edges in mm, and the size of print at which they fit the page."""
    widths = [0.0] * table.columns
    for line in (*table.lines, *_head_lines(table)):
        if line.kind == "heading":
            continue
        for at, cell in enumerate(line.cells):
            text = max(cell.text.split("\n"), key=len)
            widths[at] = max(widths[at], theme.text_width(text + cell.marks, theme.SIZE))
    between = 3.0
    natural = sum(widths) + between * len(widths)
    room = WIDE - 2 * MARGIN
    scale = min(1.0, room / natural)
    edges = [float(MARGIN)]
    for width in widths:
        edges.append(edges[-1] + (width + between) * scale)
    return edges, max(theme.SIZE * scale, SMALLEST)


def _head_lines(table: Printed) -> Iterator[Line]:
    """The head's texts over one column each, as rows that need room."""
    for line in table.head:
        if all(span == 1 for _, span in line):
            yield row(*(text for text, _ in line))


def _head(axes: "Axes", table: Printed, edges: list[float], size: float, *, y: float) -> float:
    """The head between its rules; where the rows begin."""
    rule = {"color": theme.BLACK, "linewidth": 0.8}
    axes.plot([edges[0], edges[-1]], [y, y], **rule)
    for line in table.head:
        tall = max(text.count("\n") + 1 for text, _ in line) * HEAD_LINE
        at = 0
        for text, span in line:
            left, right = edges[at], edges[at + span]
            stub = at < table.stubs and span == 1
            axes.text(
                left if stub else (left + right) / 2, y + tall / 2, text, fontsize=size,
                fontweight="bold", ha="left" if stub else "center", va="center",
            )  # fmt: skip
            if span > 1 and text:
                axes.plot([left + 1, right - 1], [y + tall, y + tall], **rule | {"linewidth": 0.4})
            at += span
        y += tall
    axes.plot([edges[0], edges[-1]], [y, y], **rule | {"linewidth": 0.5})
    return y + 1


def _needed(waiting: list[Line]) -> float:
    """How high the next rows are that stand on one page together."""
    height = HEIGHTS[waiting[0].kind]
    for line, below in pairwise(waiting[:4]):
        if line.kind != "heading" and below.kind != "small":
            break
        height += HEIGHTS[below.kind]
    return height


def _line(
    axes: "Axes", line: Line, edges: list[float], stubs: int, size: float, *, y: float
) -> None:
    middle = y + HEIGHTS[line.kind] / 2
    if line.kind == "heading":
        axes.text(edges[0], middle, line.cells[0].text, va="center", fontweight="bold",
                  fontsize=size)  # fmt: skip
        return
    print_size = size * (0.88 if line.kind == "small" else 1)
    for at, cell in enumerate(line.cells):
        is_word = at < stubs
        x = edges[at] if is_word else (edges[at] + edges[at + 1]) / 2
        axes.text(x, middle, cell.text, va="center", ha="left" if is_word else "center",
                  fontsize=print_size)  # fmt: skip
        if cell.marks:
            right = x + theme.text_width(cell.text, print_size) * (1 if is_word else 0.5)
            axes.text(right + 0.2, middle - 0.7, cell.marks, va="center", ha="left",
                      fontsize=print_size * MARKS)  # fmt: skip


def _notes(axes: "Axes", notes: Sequence[str], *, y: float) -> None:
    for note in notes:
        for line in textwrap.wrap(note, 140):
            axes.text(MARGIN, y, line, va="top", fontsize=theme.SMALL)
            y += NOTE_LINE
