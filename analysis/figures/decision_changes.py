"""Changes of mind with AI in sight: wrong decisions put right, and right ones spoilt."""

from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.document_data import (
    GROUPS,
    Record,
    caveats,
    complete_rows,
    group_of,
    left_out_note,
    overall_cohort,
    percent,
    required_rows,
    rows_by,
    short_cohort_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "switches"
TITLE = "Changes of mind with AI"
BY_COHORT = False
READERS = 30  # drawn at most
BENEFICIAL, HARMFUL = "beneficial", "harmful"


def describe(document: dict) -> str:
    """The figure in a sentence."""
    cohort, cells = _cells(document)
    subject = _subjects(document, cells)[0]
    texts = [
        f"{row['count']} of {row['n']} {what} ({percent(row['value'])}%)"
        for name, what in (
            (BENEFICIAL, "wrong decisions were put right"),
            (HARMFUL, "right ones were spoilt"),
        )
        if (row := cells.get((subject, name)))
    ]
    return f"Changes of mind with AI, {cohort}; {subject}: {', '.join(texts)}."


def size(document: dict) -> theme.Size:
    """A line for each subject."""
    _, cells = _cells(document)
    subjects = _subjects(document, cells)
    return theme.SINGLE, min((24 + 5.2 * len(subjects)) * theme.MM, theme.HIGHEST)


def draw(document: dict) -> "Figure":
    """Bars of counts: harmful to the left, beneficial to the right. Raises NotAvailable."""
    cohort, cells = _cells(document)
    subjects = _subjects(document, cells)
    figure = theme.new_figure(size(document))
    axes = figure.subplots()
    for place, subject in enumerate(subjects):
        for name, sign, color, hatch in (
            (HARMFUL, -1, theme.ORANGE, "////"),
            (BENEFICIAL, 1, theme.SKY, ""),
        ):
            _bar(axes, place, cells.get((subject, name)), sign=sign, color=color, hatch=hatch)
    axes.axvline(0, color=theme.BLACK, linewidth=0.6)
    axes.set_yticks(range(len(subjects)), subjects)
    axes.set_ylim(len(subjects) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=7)
    axes.margins(x=0.45)
    axes.set_xlabel(f"Decisions changed with AI, {short_cohort_name(cohort)}")
    axes.set_title("right → wrong", loc="left")
    axes.set_title("wrong → right", loc="right")
    return theme.finish(figure, _cut(document), caveats(document, NAME))


def _cells(document: dict) -> tuple[str, dict]:
    """The cohort, and its rows by subject and metric."""
    found = required_rows(document, NAME, "metrics")
    cohort = overall_cohort(found)
    wanted = (row for row in found if row["cohort"] == cohort)
    return cohort, rows_by(complete_rows(wanted, "value"), "subject", "metric")


def _subjects(document: dict, cells: dict) -> list[str]:
    """All readers together, groups, readers; those with both kinds of switch."""
    readers = list(group_of(document))
    others = [s for s, _ in cells if s not in readers and s not in GROUPS]
    wanted = dict.fromkeys([*others, *GROUPS, *readers[:READERS]])
    return [s for s in wanted if (s, BENEFICIAL) in cells or (s, HARMFUL) in cells]


def _bar(
    axes: "Axes", place: int, row: Record | None, *, sign: int, color: str, hatch: str
) -> None:
    if row is None:
        return
    axes.barh(
        place, sign * row["count"], height=0.62, color=color, hatch=hatch, edgecolor=theme.BLACK,
        linewidth=0.5,
    )  # fmt: skip
    axes.annotate(
        f"{row['count']} of {row['n']}", xy=(sign * row["count"], place), xytext=(3 * sign, 0),
        textcoords="offset points", va="center", ha="left" if sign > 0 else "right",
        fontsize=theme.SMALL,
    )  # fmt: skip


def _cut(document: dict) -> str:
    return left_out_note(READERS, len(group_of(document)), "readers")
