"""The flow of patients through the study, in boxes from top to bottom.

The layout follows STARD's diagram: Bossuyt et al., BMJ 2015, 351:h5527, doi 10.1136/bmj.h5527.
Who was screened and excluded is drawn where the study's screening was recorded.
"""

import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.document_data import (
    ALL_COHORTS,
    ETIOLOGIES,
    Record,
    caveats,
    left_out_note,
    required_rows,
)
from analysis.results_document import section
from readerstudy.diagnosis import Etiology

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "flow"
TITLE = "Flow of patients"
BY_COHORT = False
COHORTS = 5  # drawn at most
LINE, PAD, GAP = 3.3, 1.8, 7  # mm: a line of text, around it, between boxes
TOP_WIDTH, SIDE_WIDTH, ASIDE = 46, 66, 12  # mm: boxes at the top and beside it, and how far beside
REASONS = 12  # drawn at most


def describe(document: dict) -> str:
    """The figure in a sentence."""
    cohorts = _cohorts(document)
    text = ", ".join(f"{row['cohort']} {row['patients']}" for row in cohorts)
    total = sum(row["patients"] for row in cohorts)
    if head := _head(document):
        text = f"{head.screened} screened, {head.excluded} excluded; {text}"
    return f"Flow of {total} patients into {len(cohorts)} cohorts, to the readings: {text}."


def size(document: dict) -> theme.Size:
    """As high as its boxes."""
    heights = [_height(texts) for texts in _levels(document)]
    head = _head(document)
    above = head.height if head else 0
    tall = (above + sum(heights) + GAP * (len(heights) - 1) + 4) * theme.MM
    return theme.DOUBLE, tall + theme.notes_height(theme.DOUBLE, *_notes(document))


def draw(document: dict) -> "Figure":
    """All patients, the cohorts side by side, and what became of each. Raises NotAvailable."""
    [top], *levels = every = _levels(document)
    heights = [_height(texts) for texts in every]
    figure, axes = theme.new_sheet(size(document))
    column = theme.DOUBLE / theme.MM / len(levels[0])
    centres = [column * (place + 0.5) for place in range(len(levels[0]))]
    y, middle = 2.0, theme.DOUBLE / theme.MM / 2
    if head := _head(document):
        _draw_head(axes, head, x=middle, y=y)
        y += head.height
    _box(axes, top, x=middle, y=y, width=TOP_WIDTH, height=heights[0])
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
    screened = _screened_by_cohort(document)
    enrolled = [_enrolled(row, screened.get(row["cohort"], [])) for row in shown]
    levels = [enrolled, *([tell(row) for row in shown] for tell in (_modelled, _read))]
    return [[top], *levels]


@dataclass(frozen=True)
class _Head:
    """All who were screened, and those excluded by reason, in the order of exclusion."""

    screened: int
    reasons: list[tuple[str, int]]

    @property
    def excluded(self) -> int:
        return sum(patients for _reason, patients in self.reasons)

    @property
    def texts(self) -> tuple[str, str]:
        """What the box at the top says, and the one beside."""
        lines = [f"Excluded, n = {self.excluded}"]
        for reason, patients in self.reasons[:REASONS]:
            lines += textwrap.wrap(f"{reason}: {patients}", width=46)
        if rest := self.reasons[REASONS:]:
            lines.append(f"{len(rest)} other reasons: {sum(count for _, count in rest)}")
        return f"Patients screened\nn = {self.screened}", "\n".join(lines)

    @property
    def height(self) -> float:
        """From the first box's upper edge to the next one's."""
        first, beside = (_height([text]) for text in self.texts)
        return first + beside + 2 * GAP


def _screening(document: dict) -> list[Record]:
    """The rows of screening; none where it was not recorded."""
    found = section(document, NAME)
    has = found is not None and "screening" in found["tables"]
    return required_rows(document, NAME, "screening") if has else []


def _head(document: dict) -> _Head | None:
    found = _screening(document)
    if not found:
        return None
    reasons: Counter = Counter()  # keeps the order in which reasons come first
    for row in sorted(
        (row for row in found if row["outcome"] == "excluded"), key=lambda row: row["order"]
    ):
        reasons[row["reason"]] += row["patients"]
    screened = sum(row["patients"] for row in found if row["outcome"] == "screened")
    return _Head(screened, list(reasons.items()))


def _screened_by_cohort(document: dict) -> dict[str, list[str]]:
    """What the box of a cohort says of it, if its screening was recorded by itself."""
    found: dict[str, Counter] = {}
    for row in _screening(document):
        if row["cohort"] != ALL_COHORTS:
            found.setdefault(row["cohort"], Counter())[row["outcome"]] += row["patients"]
    return {
        cohort: [f"of {counts['screened']} screened, {counts['excluded']} excluded"]
        for cohort, counts in found.items()
    }


def _draw_head(axes: "Axes", head: _Head, *, x: float, y: float) -> None:
    """The screened, an arrow down, and beside it the excluded."""
    first, beside = (_height([text]) for text in head.texts)
    _box(axes, head.texts[0], x=x, y=y, width=TOP_WIDTH, height=first)
    theme.arrow(axes, (x, y + first), (x, y + head.height), gap=0)
    side = y + first + GAP
    centre = x + ASIDE + SIDE_WIDTH / 2
    _box(axes, head.texts[1], x=centre, y=side, width=SIDE_WIDTH, height=beside)
    theme.arrow(axes, (x, side + beside / 2), (x + ASIDE, side + beside / 2), gap=0)


def _notes(document: dict) -> tuple[str, str]:
    return left_out_note(COHORTS, len(_cohorts(document)), "cohorts"), caveats(document, NAME)


def _cohorts(document: dict) -> list[Record]:
    found = required_rows(document, NAME, "patients")
    return [row for row in found if row["cohort"] != ALL_COHORTS]


def _enrolled(row: Record, screened: list[str]) -> str:
    classes = [f"{Etiology(name).label}: {row[name]}" for name in ETIOLOGIES]
    role = row["role"].replace("_", " ")
    name = textwrap.wrap(row["cohort"], width=26)[:3]
    return "\n".join([*name, f"{role}, n = {row['patients']}", *screened, *classes])


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
