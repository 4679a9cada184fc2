"""MRMC: what the AI changes, averaged over the readers, as a forest plot.

Readers and cases are both samples here; see ``analysis.stats.mrmc``.
"""

from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures._forest_plot import ForestLine, draw_forest, lines_in
from analysis.figures.document_data import (
    ALL_COHORTS,
    Record,
    caveats,
    cohorts_of,
    complete_rows,
    left_out_note,
    overall_cohort,
    p_value,
    required_rows,
    short_cohort_name,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "mrmc"
TITLE = "MRMC: differences with AI less without"
BY_COHORT = False
COHORTS = 8  # drawn at most in each block


def describe(document: dict) -> str:
    """The figure in a sentence."""
    found = _found(document)
    cohort = overall_cohort(found)
    text = "; ".join(f"{row['metric']} {_text(row)}" for row in found if row["cohort"] == cohort)
    return (
        "Differences with AI less without, averaged over the readers, in percentage points, "
        f"{cohort}: {text}."
    )


def size(document: dict) -> theme.Size:
    """A line for each estimate."""
    lines = lines_in(_blocks(_found(document)))
    return theme.SINGLE * 1.35, min((24 + 4.6 * lines) * theme.MM, theme.HIGHEST)


def draw(document: dict) -> "Figure":
    """A block for each metric, a line for each cohort. Raises NotAvailable."""
    found = _found(document)
    figure = theme.new_figure(size(document))
    axes = figure.subplots()
    draw_forest(axes, _blocks(found))
    axes.axvline(0, color=theme.GREY, linewidth=0.7, linestyle=":")
    axes.set_xlabel("Percentage points, with AI less without")
    axes.set_title("Mean of the readers", loc="left")
    method = next((row["interval"] for row in found if row["interval"]), None)
    level = next((row["level"] for row in found if row["level"]), None)
    how = f"{100 * level:g}% intervals. {method}." if method else ""
    return theme.finish(figure, how, _cut(document), caveats(document, NAME))


def _cut(document: dict) -> str:
    every = cohorts_of(complete_rows(required_rows(document, NAME, "tests"), "difference"))
    return left_out_note(COHORTS, len(every), "cohorts")


def _found(document: dict) -> list[Record]:
    found = complete_rows(required_rows(document, NAME, "tests"), "difference")
    cohorts = cohorts_of(found)[-COHORTS:]
    return [row for row in found if row["cohort"] in cohorts]


def _blocks(found: list[Record]) -> list[tuple[str, list[ForestLine]]]:
    """The estimates of each metric."""
    return [
        (metric.capitalize(), [_line(row) for row in found if row["metric"] == metric])
        for metric in dict.fromkeys(row["metric"] for row in found)
    ]


def _line(row: Record) -> ForestLine:
    is_all = row["cohort"] == ALL_COHORTS
    return ForestLine(
        label=f"{short_cohort_name(row['cohort'])}, n = {row['n']}",
        value=100 * row["difference"],
        low=_points(row["low"]),
        high=_points(row["high"]),
        text=_text(row),
        looks={"marker": "D", "markersize": 5} if is_all else {"color": theme.BLUE},
    )


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _text(row: Record) -> str:
    """“3.7 (0.9 to 6.5), p = 0.012”."""
    text = f"{100 * row['difference']:z.1f}"
    if row["low"] is not None and row["high"] is not None:
        text += f" ({100 * row['low']:z.1f} to {100 * row['high']:z.1f})"
    text = text.replace("-", theme.MINUS)
    return text if row["p_value"] is None else f"{text}, {p_value(row['p_value'])}"
