"""The flow of patients through the study, in boxes from top to bottom.

The layout follows STARD's diagram: Bossuyt et al., BMJ 2015, 351:h5527, doi 10.1136/bmj.h5527.
Who was screened before the cohorts were imported, the platform doesn't know.
"""

import textwrap
from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.source import ALL_COHORTS, ETIOLOGIES, Record, cut, notice, rows
from readerstudy.diagnosis import Etiology

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "flow"
TITLE = "Flow of patients"
BY_COHORT = False
COHORTS = 5  # drawn at most
LINE, PAD, GAP = 3.3, 1.8, 7  # mm: a line of text, around it, between boxes


def describe(document: dict) -> str:
    """The figure in a sentence."""
    cohorts = _cohorts(document)
    said = ", ".join(f"{row['cohort']} {row['patients']}" for row in cohorts)
    total = sum(row["patients"] for row in cohorts)
    return f"Flow of {total} patients into {len(cohorts)} cohorts, to the readings: {said}."


def size(document: dict) -> theme.Size:
    """As high as its boxes."""
    heights = [_height(texts) for texts in _levels(document)]
    tall = (sum(heights) + GAP * (len(heights) - 1) + 4) * theme.MM
    return theme.DOUBLE, tall + theme.notes_height(theme.DOUBLE, *_notes(document))


def draw(document: dict) -> "Figure":
    """All patients, the cohorts side by side, and what became of each. Raises NotAvailable."""
    [top], *levels = every = _levels(document)
    heights = [_height(texts) for texts in every]
    figure, axes = theme.new_sheet(size(document))
    column = theme.DOUBLE / theme.MM / len(levels[0])
    centres = [column * (place + 0.5) for place in range(len(levels[0]))]
    y, middle = 2.0, theme.DOUBLE / theme.MM / 2
    _box(axes, top, x=middle, y=y, width=46, height=heights[0])
    _branch(axes, middle, y + heights[0], centres)
    for level, above, height in zip(levels, heights[:-1], heights[1:], strict=True):
        y += above + GAP
        for x, text in zip(centres, level, strict=True):
            if text:
                _box(axes, text, x=x, y=y, width=column - 4, height=height)
                if level is not levels[0]:
                    theme.arrow(axes, (x, y - GAP), (x, y), gap=0)
    return theme.finish(figure, *_notes(document))


def _levels(document: dict) -> list[list[str]]:
    """The texts of the boxes, from top to bottom: one, then one for each cohort."""
    cohorts = _cohorts(document)
    top = f"Patients in the study\nn = {sum(row['patients'] for row in cohorts)}"
    shown = cohorts[:COHORTS]
    return [[top], *([tell(row) for row in shown] for tell in (_enrolled, _modelled, _read))]


def _notes(document: dict) -> tuple[str, str]:
    return cut(COHORTS, len(_cohorts(document)), "cohorts"), notice(document, NAME)


def _cohorts(document: dict) -> list[Record]:
    found = rows(document, NAME, "patients")
    return [row for row in found if row["cohort"] != ALL_COHORTS]


def _enrolled(row: Record) -> str:
    classes = [f"{Etiology(name).label}: {row[name]}" for name in ETIOLOGIES]
    role = row["role"].replace("_", " ")
    name = textwrap.wrap(row["cohort"], width=26)[:3]
    return "\n".join([*name, f"{role}, n = {row['patients']}", *classes])


def _modelled(row: Record) -> str:
    text = f"Result of the model\nn = {row['with_model_result']}"
    return text + _less(row["patients"] - row["with_model_result"])


def _read(row: Record) -> str:
    """Nothing for a cohort that is not read."""
    if row["read_by_all"] is None:
        return ""
    text = f"Read by all readers, both stages\nn = {row['read_by_all']}"
    return text + _less(row["patients"] - row["read_by_all"])


def _less(missing: int) -> str:
    return f"\nnot so: {missing}" if missing else ""


def _height(texts: list[str]) -> float:
    return max(text.count("\n") + 1 for text in texts) * LINE + 2 * PAD


def _box(axes: "Axes", text: str, *, x: float, y: float, width: float, height: float) -> None:
    theme.box(axes, x=x - width / 2, y=y, width=width, height=height)
    axes.text(x, y + height / 2, text, ha="center", va="center", fontsize=theme.SMALL)


def _branch(axes: "Axes", x: float, y: float, ends: list[float]) -> None:
    """One line down, across, and an arrow down to each column."""
    middle = y + GAP / 2
    line = {"color": theme.BLACK, "linewidth": 0.7, "solid_capstyle": "butt"}
    axes.plot([x, x], [y, middle], **line)
    axes.plot([min(*ends, x), max(*ends, x)], [middle, middle], **line)
    for end in ends:
        theme.arrow(axes, (end, middle), (end, y + GAP), gap=0)
