"""The look of all figures: two widths, one typeface, colours that the colour-blind can tell apart.

Colour is never the only cue: groups and stages also differ in their markers, classes in their
line styles. This module alone knows matplotlib, and loads it when something is drawn, so that a
page can speak of figures without it.

References: Okabe & Ito, Color Universal Design (2008), for the palette, its purple darkened for
thin lines. The widths are those of
one column and of a page of BioMed Central's journals, 85 and 170 mm, at most 225 mm high.
"""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MM = 1 / 25.4
SINGLE, DOUBLE, HIGHEST = 85 * MM, 170 * MM, 225 * MM
Size = tuple[float, float]  # width and height in inches

BLACK, GREY, PALE = "#000000", "#6b6b6b", "#d9d9d9"
BLUE, GREEN, VERMILLION, ORANGE = "#0072b2", "#009e73", "#d55e00", "#e69f00"
SKY, PURPLE = "#56b4e9", "#aa4499"

GROUP_STYLES = {
    "senior": {"color": BLUE, "marker": "o"},
    "middle": {"color": GREEN, "marker": "s"},
    "junior": {"color": VERMILLION, "marker": "^"},
}
OTHER_STYLE = {"color": BLACK, "marker": "D"}
CLASS_STYLES = {
    "reactive_hyperplasia": {"color": BLUE, "linestyle": "-"},
    "tuberculous_lymphadenitis": {"color": GREEN, "linestyle": "--"},
    "lymphoma": {"color": VERMILLION, "linestyle": "-."},
    "metastatic_carcinoma": {"color": PURPLE, "linestyle": ":"},
}

MINUS = "\N{MINUS SIGN}"
DPI = 300  # at which things are laid out, too: coarser, text would be measured too narrow
SIZE, SMALL = 7, 6  # points; what a journal still prints legibly
_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "axes.titlesize": SIZE + 0.5,
    "axes.labelsize": SIZE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": SIZE - 0.5,
    "ytick.labelsize": SIZE - 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": SMALL + 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "text.parse_math": False,  # a cohort may be called $1
    "text.hinting": "none",  # text is as wide in a PNG as in an SVG
    "svg.fonttype": "path",  # looks the same wherever it is opened
    "svg.hashsalt": "readerstudy",  # else names inside are drawn at random
    "pdf.fonttype": 42,  # whole fonts, as publishers ask for
}
_LOCK = RLock()


@contextmanager
def applied() -> Iterator[None]:
    """Everything that is drawn or rendered inside looks alike, whatever this machine has set.

    matplotlib's settings are the process's own, so one thread draws at a time.
    """
    import matplotlib

    with _LOCK, matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(size: Size) -> "Figure":
    """An empty figure, which keeps its parts from overlapping."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=3 / 72, h_pad=3 / 72, wspace=0.03, hspace=0.03)
    return figure


def new_sheet(size: Size) -> tuple["Figure", "Axes"]:
    """A figure that is drawn by millimetres from its upper left corner, without axes to see."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, size[0] / MM), ylim=(size[1] / MM, 0))
    axes.set_axis_off()
    return figure, axes


def finish(figure: "Figure", *notes: str) -> "Figure":
    """Put the notes at the foot and fix where everything is, so that rendering moves nothing."""
    width, height = figure.get_size_inches()
    foot = notes_height(width, *notes) / height
    above = (0, foot, 1, 1 - foot)
    figure.text(
        x=1 - 0.04 / width, y=0.03 / height, s="\n".join(_wrapped(width, notes)), ha="right",
        va="bottom", fontsize=SMALL, color=GREY, style="italic", linespacing=1.2,
    )  # fmt: skip
    if layout := figure.get_layout_engine():
        layout.set(rect=above)
        layout.execute(figure)
        figure.set_layout_engine("none")
        for legend in figure.legends:  # the layout leaves room for it, but at the very foot
            legend.set_bbox_to_anchor(above, transform=figure.transFigure)
    return figure


def notes_height(width: float, *notes: str) -> float:
    """How high the notes at a figure's foot are, in inches, in a figure of this width."""
    lines = len(_wrapped(width, notes))
    return 0.1 * lines + 0.09 * bool(lines)


def _wrapped(width: float, notes: tuple[str, ...]) -> list[str]:
    return [line for note in notes for line in textwrap.wrap(note, width=int(width * 21))]


def stage_fill(stage: str) -> dict[str, str]:
    """How a marker is filled: hollow without AI, full with AI or for the model."""
    return {"markerfacecolor": "white"} if stage == "without AI" else {}


def box(axes: "Axes", *, x: float, y: float, width: float, height: float, **looks: Any) -> None:
    """A rectangle with its lower left corner at (x, y)."""
    from matplotlib.patches import Rectangle

    looks = {"facecolor": "none", "edgecolor": BLACK, "linewidth": 0.7} | looks
    axes.add_patch(Rectangle((x, y), width, height, **looks))


def shade(axes: "Axes", shares: list[list[float]]) -> None:
    """Cells of equal size, shaded by shares of 0 to 1; pale enough for black print on them."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("shares", ["white", "#4d9ccb"])
    edges = [place - 0.5 for place in range(len(shares) + 1)]  # cells are named by their middles
    axes.pcolormesh(edges, edges, shares, cmap=shades, vmin=0, vmax=1, in_layout=False)


def arrow(
    axes: "Axes", start: tuple, end: tuple, *, color: str = BLACK, bend: float = 0.0, gap: float = 3
) -> None:
    """An arrow, bent by this part of its length, that leaves a gap in points at both ends."""
    axes.annotate(
        "", xy=end, xytext=start, zorder=1,
        arrowprops={
            "arrowstyle": "-|>", "color": color, "linewidth": 0.8, "mutation_scale": 6,
            "shrinkA": gap, "shrinkB": gap, "connectionstyle": f"arc3,rad={bend}",
        },
    )  # fmt: skip


def text_width_mm(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of text is, in mm, set in this size in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    weight = "bold" if bold else "normal"
    looks = FontProperties(family=_SETTINGS["font.family"], size=size, weight=weight)
    width, _, _ = text_to_path.get_text_width_height_descent(text, looks, ismath=False)
    return width / 72 / MM
