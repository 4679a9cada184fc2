"""Confusion matrices of each reader, without and with AI."""

from math import ceil
from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.confusion import (
    ACROSS,
    cohorts,
    matrices_of,
    panel,
)
from analysis.figures.document_data import STAGES, NotAvailable, caveats, group_of, left_out_note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "confusion-readers"
TITLE = "Confusion matrices of the readers"
BY_COHORT = True
READERS = 10  # drawn at most
CODE_LENGTH = 4

__all__ = ["cohorts", "describe", "draw", "size"]


def describe(document: dict, *, cohort: str) -> str:
    """The figure in a sentence."""
    shown, all_of_them = _readers(document, cohort)
    return (
        f"Confusion matrices of the four etiologies, {cohort}, of {len(shown)} of "
        f"{all_of_them} readers: {', '.join(shown)}, each without and with AI."
    )


def size(document: dict, *, cohort: str) -> theme.Size:
    """Two readers a line of panels."""
    shown, _ = _readers(document, cohort)
    return theme.DOUBLE, (24 + 40 * _lines(shown)) * theme.MM


def draw(document: dict, *, cohort: str) -> "Figure":
    """Two readers a row, at most the first ten. Raises NotAvailable."""
    matrices = matrices_of(document, cohort)
    shown, all_of_them = _readers(document, cohort)
    keys = [(code, stage) for code in shown for stage in STAGES]
    figure = theme.new_figure(size(document, cohort=cohort))
    panels = figure.subplots(_lines(shown), ACROSS, squeeze=False)
    figure.suptitle(cohort, fontsize=theme.SIZE + 0.5, x=0.01, ha="left")
    groups = group_of(document)
    for axes in panels.ravel():
        axes.set_axis_off()
    for at, (code, stage) in enumerate(keys):
        title = f"{_named(code, groups[code])}, {stage}"
        panel(
            panels.ravel()[at], matrices.get((code, stage)), title,
            left=at % ACROSS == 0, below=at + ACROSS >= len(keys),
        )  # fmt: skip
    left_out = left_out_note(len(shown), all_of_them, "readers")
    return theme.finish(figure, left_out, caveats(document, "confusion"))


def _lines(shown: list[str]) -> int:
    return ceil(len(shown) * len(STAGES) / ACROSS)


def _named(code: str, group: str) -> str:
    """Without the group where the code alone fills the line."""
    return f"{code} ({group})" if len(code) <= CODE_LENGTH else code


def _readers(document: dict, cohort: str) -> tuple[list[str], int]:
    """The codes that are drawn, and how many there are."""
    matrices = matrices_of(document, cohort)
    codes = [c for c in group_of(document) if any((c, stage) in matrices for stage in STAGES)]
    if not codes:
        raise NotAvailable("No reader decided on a patient of this cohort.")
    return codes[:READERS], len(codes)
