"""Reading times without and with AI: median and quartiles of each reader and group."""

from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.document_data import (
    GROUPS,
    STAGES,
    WITH,
    WITHOUT,
    Record,
    caveats,
    complete_rows,
    group_of,
    left_out_note,
    overall_cohort,
    required_rows,
    rows_by,
    short_cohort_name,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "times"
TITLE = "Reading times without and with AI"
BY_COHORT = False
READERS = 30  # drawn at most


def describe(document: dict) -> str:
    """The figure in a sentence."""
    cohort, cells = _cells(document)
    subject = _subjects(document, cells)[0]
    medians = " and ".join(
        f"{cells[subject, stage]['median']:.0f} s {stage}"
        for stage in STAGES
        if (subject, stage) in cells
    )
    return f"Median and quartiles of reading times, {cohort}; median of {subject}: {medians}."


def size(document: dict) -> theme.Size:
    """A line for each subject."""
    _, cells = _cells(document)
    subjects = _subjects(document, cells)
    return theme.SINGLE, min((26 + 6 * len(subjects)) * theme.MM, theme.HIGHEST)


def draw(document: dict) -> "Figure":
    """A pair of lines for each subject, on a scale of seconds. Raises NotAvailable."""
    cohort, cells = _cells(document)
    subjects = _subjects(document, cells)
    figure = theme.new_figure(size(document))
    axes = figure.subplots()
    for stage, side, line in ((WITHOUT, -0.16, "--"), (WITH, 0.16, "-")):
        found = [(p + side, row) for p, s in enumerate(subjects) if (row := cells.get((s, stage)))]
        for place, row in found:
            axes.plot(
                [row["first_quartile"], row["third_quartile"]], [place, place],
                color=theme.BLUE, linestyle=line, linewidth=1.1, solid_capstyle="butt",
            )  # fmt: skip
        axes.plot(
            [row["median"] for _, row in found], [place for place, _ in found], color=theme.BLUE,
            marker="o", markersize=4, linestyle="none", label=stage, **theme.stage_fill(stage),
        )  # fmt: skip
    axes.set_yticks(range(len(subjects)), [_label(cells, subject) for subject in subjects])
    axes.set_ylim(len(subjects) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("Seconds: median and quartiles")
    axes.set_title(short_cohort_name(cohort), loc="left")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return theme.finish(figure, _cut(document), caveats(document, NAME))


def _cells(document: dict) -> tuple[str, dict[tuple[str, str], Record]]:
    """The cohort, and its rows by subject and stage."""
    found = required_rows(document, NAME, "times")
    cohort = overall_cohort(found)
    wanted = (row for row in found if row["cohort"] == cohort)
    return cohort, rows_by(complete_rows(wanted, "median"), "subject", "stage")


def _subjects(document: dict, cells: dict) -> list[str]:
    """All readers together, groups, readers."""
    readers = list(group_of(document))
    others = [s for s, _ in cells if s not in readers and s not in GROUPS]
    wanted = dict.fromkeys([*others, *GROUPS, *readers[:READERS]])
    return [s for s in wanted if any((s, stage) in cells for stage in STAGES)]


def _label(cells: dict, subject: str) -> str:
    """The subject with its numbers of readings, told once if both stages have as many."""
    counts = [cells[subject, stage]["n"] for stage in STAGES if (subject, stage) in cells]
    return f"{subject}, n = {', '.join(map(str, dict.fromkeys(counts)))}"


def _cut(document: dict) -> str:
    return left_out_note(READERS, len(group_of(document)), "readers")
