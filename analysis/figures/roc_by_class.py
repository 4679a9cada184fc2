"""ROC of the model for each etiology against the three others, cohort by cohort."""

from math import ceil
from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.document_data import (
    ETIOLOGIES,
    MODEL,
    NotAvailable,
    caveats,
    cohorts_of,
    interval,
    left_out_note,
    required_rows,
    short_cohort_name,
)
from analysis.figures.roc_data import Curve, curves_of
from readerstudy.diagnosis import Etiology

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "etiologies"
TITLE = "ROC of the model by etiology"
BY_COHORT = False
COHORTS = 6  # drawn at most


def describe(document: dict) -> str:
    """The figure in a sentence."""
    cohort = _cohorts(document)[-1]
    areas = ", ".join(
        f"{Etiology(name).label.lower()} {interval(curve.auc)}"
        for name, curve in curves_of(document, cohort).items()
        if name in ETIOLOGIES
    )
    return f"ROC curves of {MODEL}, each etiology against the others; AUC, {cohort}: {areas}."


def size(document: dict) -> theme.Size:
    """One column of a journal's page, or two."""
    down, across = _grid(_cohorts(document)[-COHORTS:])
    return theme.SINGLE * across, min(down * 88 * theme.MM, theme.HIGHEST)


def draw(document: dict) -> "Figure":
    """A panel for each cohort, at most the last six. Raises NotAvailable."""
    found = panels(document)
    down, across = _grid(list(found))
    figure = theme.new_figure(size(document))
    places = figure.subplots(down, across, squeeze=False).ravel()
    for axes, (cohort, curves) in zip(places, found.items(), strict=False):
        _panel(axes, cohort, curves)
    for axes in places[len(found) :]:
        axes.set_axis_off()
    return theme.finish(figure, *notes(document))


def panels(document: dict) -> dict[str, dict[str, Curve]]:
    """What is drawn: for each cohort the curves that it has, by etiology. Raises NotAvailable."""
    found = {}
    for cohort in _cohorts(document)[-COHORTS:]:
        curves = curves_of(document, cohort)
        found[cohort] = {name: curves[name] for name in ETIOLOGIES if name in curves}
    return found


def n_patients(curves: dict[str, Curve]) -> int:
    """How many patients the curves of a cohort are about."""
    return max((curve.auc["n"] for curve in curves.values()), default=0)


def notes(document: dict) -> tuple[str, ...]:
    """What stands at the foot."""
    return left_out_note(COHORTS, len(_cohorts(document)), "cohorts"), caveats(document, "roc")


def _cohorts(document: dict) -> list[str]:
    """Cohorts with an etiology's curve; all together are the last."""
    found = [row for row in required_rows(document, "roc", "curves") if row["curve"] in ETIOLOGIES]
    if not found:
        raise NotAvailable("No etiology has a curve: each cohort has patients of one only.")
    return cohorts_of(found)


def _grid(cohorts: list[str]) -> tuple[int, int]:
    """Panels down and across."""
    across = min(2, len(cohorts))
    return ceil(len(cohorts) / across), across


def _panel(axes: "Axes", cohort: str, curves: dict[str, Curve]) -> None:
    axes.plot([0, 1], [0, 1], color=theme.PALE, linewidth=0.8, zorder=0)
    for name, curve in curves.items():
        axes.plot(
            curve.false_positive_rate, curve.true_positive_rate, **theme.CLASS_STYLES[name],
            label=f"{Etiology(name).label}\n{interval(curve.auc)}",
        )  # fmt: skip
    axes.set_title(f"{short_cohort_name(cohort)}, n = {n_patients(curves)} patients", loc="left")
    axes.set_xlabel(f"1 {theme.MINUS} specificity")
    axes.set_ylabel("Sensitivity")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), box_aspect=1)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.19), ncols=2, title="AUC against the others",
        title_fontsize=theme.SMALL, fontsize=theme.SMALL, handlelength=2.8, labelspacing=0.4,
        columnspacing=1,
    )  # fmt: skip
