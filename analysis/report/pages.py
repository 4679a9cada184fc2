"""Pages of A4: the first one, a figure's with its caption, and what stands at the foot of all."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.figures import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

WIDE, TALL = 210, 297  # mm
MARGIN, FOOT = 18, 14
BOTTOM = TALL - MARGIN - FOOT  # nothing but the foot stands below
FACTS, SECTIONS = 48, 78  # where values begin, from the margin
FACT_LINE = 4.4
ACROSS = 124  # characters of a caption in a line


def title_page(facts: Sequence[tuple[str, str]], contents: Sequence[tuple[str, str]]) -> "Figure":
    """Names and values, then the sections with how each stands."""
    figure, axes = new_page()
    axes.text(MARGIN, 36, "Analysis report", fontsize=20, fontweight="bold", va="baseline")
    y = _listed(axes, facts, across=FACTS, y=48) + FACT_LINE
    axes.text(MARGIN, y, "Sections", va="top", fontweight="bold")
    _listed(axes, contents, across=SECTIONS, y=y + FACT_LINE)
    return figure


def figure_page(figure: "Figure", *, title: str, text: str) -> "Bbox":
    """Put the title above a figure and its text below; the A4 page around it, in its inches."""
    around = _page_around(figure)
    width, height = figure.get_size_inches()
    left = (around.x0 + MARGIN * theme.MM) / width
    looks = {"transform": figure.transFigure, "ha": "left"}
    figure.text(left, 1 + 4 * theme.MM / height, title, va="bottom", fontsize=theme.SIZE + 2,
                fontweight="bold", **looks)  # fmt: skip
    figure.text(left, -4 * theme.MM / height, textwrap.fill(text, ACROSS), va="top",
                linespacing=1.3, **looks)  # fmt: skip
    return around


def draw_footer(figure: "Figure", page: int, running: str, *, around: "Bbox | None" = None) -> None:
    """The page's foot; ``around`` is the page in the figure's inches, if it isn't the figure."""
    width, height = figure.get_size_inches()
    left, bottom = (around.x0, around.y0) if around else (0, 0)
    y = (bottom + FOOT * theme.MM) / height
    looks = {"fontsize": theme.SMALL, "color": theme.GREY, "va": "top"}
    figure.text((left + MARGIN * theme.MM) / width, y, textwrap.fill(running, 150), ha="left",
                **looks)  # fmt: skip
    figure.text((left + (WIDE - MARGIN) * theme.MM) / width, y, str(page), ha="right", **looks)


def new_page() -> tuple["Figure", "Axes"]:
    """An empty page, drawn on by millimetres from its upper left corner."""
    return theme.new_sheet((WIDE * theme.MM, TALL * theme.MM))


def _listed(axes: "Axes", pairs: Sequence[tuple[str, str]], *, across: float, y: float) -> float:
    """Names at the margin, values ``across`` from it, wrapped; where the next line begins."""
    for name, value in pairs:
        axes.text(MARGIN, y, name, va="top")
        room = int((WIDE - 2 * MARGIN - across) / 1.5)  # characters, of 1.5 mm
        for line in textwrap.wrap(value, room) or [""]:
            axes.text(MARGIN + across, y, line, va="top")
            y += FACT_LINE
    return y


def _page_around(figure: "Figure") -> "Bbox":
    """The page in the figure's own inches, the figure near its top and in the middle."""
    from matplotlib.transforms import Bbox

    width, height = figure.get_size_inches()
    left = (WIDE * theme.MM - width) / 2
    return Bbox.from_bounds(
        -left, height - (TALL - MARGIN - 8) * theme.MM, WIDE * theme.MM, TALL * theme.MM
    )
