"""Confusion matrices: true etiology against the one decided on, model and groups, or readers."""

from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.document_data import (
    ETIOLOGIES,
    GROUPS,
    MODEL,
    SHORT,
    STAGES,
    NotAvailable,
    Record,
    caveats,
    cohorts_of,
    required_rows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "confusion"
TITLE = "Confusion matrices of the model and the groups"
BY_COHORT = True
ACROSS = 4

Matrix = dict[tuple[str, str], int]


def cohorts(document: dict) -> list[str]:
    """The cohorts that have decisions."""
    return cohorts_of(required_rows(document, "confusion", "counts"))


def describe(document: dict, *, cohort: str) -> str:
    """The figure in a sentence."""
    matrices = matrices_of(document, cohort)
    shown = [(MODEL, ""), *((group, stage) for group in GROUPS for stage in STAGES)]
    right = [
        f"{' '.join(key).strip()} {_count_correct(matrices[key])} of {sum(matrices[key].values())}"
        for key in shown
        if key in matrices
    ]
    return f"Confusion matrices of the four etiologies, {cohort}; right: {', '.join(right)}."


def size(document: dict, *, cohort: str) -> theme.Size:
    """One line of panels, or two."""
    lines = _lines(matrices_of(document, cohort))
    return theme.DOUBLE, (20 + 42 * len(lines)) * theme.MM


def draw(document: dict, *, cohort: str) -> "Figure":
    """Groups without AI above and with AI below, the model last. Raises NotAvailable."""
    matrices = matrices_of(document, cohort)
    lines = _lines(matrices)
    figure = theme.new_figure(size(document, cohort=cohort))
    panels = figure.subplots(len(lines), ACROSS, squeeze=False)
    figure.suptitle(cohort, fontsize=theme.SIZE + 0.5, x=0.01, ha="left")
    for axes in panels.ravel():
        axes.set_axis_off()
    for down, keys in enumerate(lines):
        for across, key in enumerate(keys):
            panel(
                panels[down, across], matrices.get(key), ", ".join(filter(None, key)),
                left=across == 0, below=down == len(lines) - 1,
            )  # fmt: skip
    return theme.finish(figure, caveats(document, NAME))


def _lines(matrices: dict[tuple[str, str], Matrix]) -> list[list[tuple[str, str]]]:
    """Whose matrix, and of which stage, line by line."""
    groups = [group for group in GROUPS if any((group, stage) in matrices for stage in STAGES)]
    lines = [[(group, stage) for group in groups] for stage in STAGES if groups] or [[]]
    lines[-1].append((MODEL, ""))
    return lines


def matrices_of(document: dict, cohort: str) -> dict[tuple[str, str], Matrix]:
    """Counts by truth and decision, of each subject and stage in a cohort."""
    matrices: dict[tuple[str, str], Matrix] = {}
    row: Record
    for row in required_rows(document, "confusion", "counts"):
        if row["cohort"] == cohort:
            matrix = matrices.setdefault((row["subject"], row["stage"]), {})
            matrix[row["truth"], row["decision"]] = row["count"]
    if not matrices:
        raise NotAvailable("Nobody decided on a patient of this cohort.")
    return matrices


def panel(axes: "Axes", matrix: Matrix | None, title: str, *, left: bool, below: bool) -> None:
    """One matrix: counts, and the share of the true class as shade and percentage.

    ``left`` and ``below``: whether the classes are named there, or by a neighbour.
    """
    axes.set_axis_on()
    axes.set_title(title, loc="left", fontsize=theme.SIZE)
    axes.spines[:].set_visible(True)
    names = [SHORT[name] for name in ETIOLOGIES]
    nameless = [""] * len(names)
    axes.set_xticks(range(len(names)), names if below else nameless, rotation=45, ha="right",
                    rotation_mode="anchor")  # fmt: skip
    axes.set_yticks(range(len(names)), names if left else nameless)
    axes.set_xlabel("Decision" if below else "", fontsize=theme.SMALL)
    axes.set_ylabel("Pathology" if left else "", fontsize=theme.SMALL)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), box_aspect=1)
    axes.tick_params(length=0, labelsize=theme.SMALL)
    if not matrix or not sum(matrix.values()):
        axes.text(1.5, 1.5, "no decision", ha="center", va="center", color=theme.GREY)
        return
    totals = [
        sum(matrix.get((truth, decision), 0) for decision in ETIOLOGIES) for truth in ETIOLOGIES
    ]
    shares = [
        [matrix.get((truth, decision), 0) / total if total else 0.0 for decision in ETIOLOGIES]
        for truth, total in zip(ETIOLOGIES, totals, strict=True)
    ]
    theme.shade(axes, shares)
    for y, (truth, total) in enumerate(zip(ETIOLOGIES, totals, strict=True)):
        for x, decision in enumerate(ETIOLOGIES):
            count = matrix.get((truth, decision), 0)
            axes.text(
                x, y, f"{count}\n{100 * shares[y][x]:.0f}%" if total else f"{count}",
                ha="center", va="center", fontsize=theme.SMALL, linespacing=1.1,
                fontweight="bold" if x == y else "normal", in_layout=False,
            )  # fmt: skip


def _count_correct(matrix: Matrix) -> int:
    return sum(matrix.get((name, name), 0) for name in ETIOLOGIES)
