"""Forest plots: estimates with their intervals, one a line, in blocks."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analysis.figures import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class ForestLine:
    """One estimate; `looks` go to matplotlib's errorbar. `text` stands at the right."""

    label: str
    value: float
    low: float | None
    high: float | None
    text: str = ""
    looks: dict[str, Any] = field(default_factory=dict)


def draw_forest(axes: "Axes", blocks: list[tuple[str, list[ForestLine]]]) -> None:
    """The blocks one below the other, each under its name."""
    ticks, place = [], 0
    for name, lines in blocks:
        if name:
            ticks.append((place, name, True))
            place += 1
        for line in lines:
            _one(axes, line, place)
            ticks.append((place, line.label, False))
            place += 1
        place += 0.4
    axes.set_yticks([at for at, *_ in ticks], [label for _, label, _ in ticks])
    for label, (_, _, is_name) in zip(axes.get_yticklabels(), ticks, strict=True):
        label.set_fontweight("bold" if is_name else "normal")
    axes.set_ylim(place - 0.7, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def lines_in(blocks: list[tuple[str, list[ForestLine]]]) -> float:
    """How many lines high the blocks are."""
    return sum(len(lines) + bool(name) + 0.4 for name, lines in blocks)


def _one(axes: "Axes", line: ForestLine, place: float) -> None:
    reach = None
    if line.low is not None and line.high is not None:
        reach = [[max(line.value - line.low, 0)], [max(line.high - line.value, 0)]]
    looks = {"color": theme.BLACK, "marker": "s", "markersize": 4, "linestyle": "none"} | line.looks
    axes.errorbar(line.value, place, xerr=reach, elinewidth=0.9, capsize=1.5, capthick=0.8, **looks)
    if line.text:
        axes.annotate(
            line.text, xy=(1.02, place), xycoords=axes.get_yaxis_transform(), va="center",
            fontsize=theme.SMALL,
        )  # fmt: skip
