"""Metrics of the experience groups, without and with AI, beside the model's; cohort by cohort."""

from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures.document_data import (
    GROUPS,
    MODEL,
    STAGES,
    WITH,
    WITHOUT,
    Record,
    caveats,
    cohorts_of,
    complete_rows,
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

NAME = "groups"
TITLE = "Experience groups without and with AI"
BY_COHORT = False
COHORTS = 5  # drawn at most
METRICS = ("accuracy", "sensitivity", "specificity")

Cells = dict[tuple[str, str, str, str], Record]


def describe(document: dict) -> str:
    """The figure in a sentence."""
    cells, cohort = _cells(document), overall_cohort(_groups(document))
    changes = [
        f"{group} {percent(before['value'])}% to {percent(after['value'])}%"
        for group in GROUPS
        if (before := cells.get((cohort, group, WITHOUT, "accuracy")))
        and (after := cells.get((cohort, group, WITH, "accuracy")))
    ]
    return (
        "Micro-averaged accuracy, sensitivity and specificity of the experience groups without "
        f"and with AI; accuracy, {cohort}: {', '.join(changes)}."
    )


def size(document: dict) -> theme.Size:
    """A line of panels for each cohort."""
    lines = len(cohorts_of(_groups(document))[-COHORTS:])
    return theme.DOUBLE, min((lines * 46 + 14) * theme.MM, theme.HIGHEST)


def draw(document: dict) -> "Figure":
    """A row of panels for each cohort, at most the last five. Raises NotAvailable."""
    cells = _cells(document)
    cohorts = cohorts_of(_groups(document))[-COHORTS:]
    figure = theme.new_figure(size(document))
    panels = figure.subplots(len(cohorts), len(METRICS), squeeze=False, sharey="col")
    for line, cohort in zip(panels, cohorts, strict=True):
        for axes, metric in zip(line, METRICS, strict=True):
            _panel(axes, cells, cohort, metric)
            axes.set_title(short_cohort_name(cohort) if metric == METRICS[0] else "", loc="left")
            axes.set_ylabel(f"{metric.capitalize()}, %")
    found = next(iter(_groups(document)))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=3,
        title=f"{100 * found['level']:g}% intervals: {found['interval']}",
        title_fontsize=theme.SMALL,
    )  # fmt: skip
    return theme.finish(
        figure,
        left_out_note(COHORTS, len(cohorts_of(_groups(document))), "cohorts"),
        caveats(document, "table3", "table2"),
    )


def _groups(document: dict) -> list[Record]:
    return complete_rows(required_rows(document, "table3", "metrics"), "value", "low", "high")


def _cells(document: dict) -> Cells:
    """Rows by cohort, subject, stage and metric."""
    found = _groups(document)
    found += (row for row in required_rows(document, "table2", "metrics") if row["kind"] == "model")
    named = [row | {"metric": row["metric"].removeprefix("micro-averaged ")} for row in found]
    return rows_by(named, "cohort", "subject", "stage", "metric")


def _panel(axes: "Axes", cells: Cells, cohort: str, metric: str) -> None:
    model = cells.get((cohort, MODEL, "", metric))
    if model and model["value"] is not None:
        if model["low"] is not None and model["high"] is not None:
            axes.axhspan(100 * model["low"], 100 * model["high"], color=theme.PALE, alpha=0.6)
        axes.axhline(100 * model["value"], color=theme.BLACK, linestyle="--", linewidth=0.9,
                     label=f"{MODEL}, and its interval")  # fmt: skip
    for stage, side in zip(STAGES, (-0.14, 0.14), strict=True):
        drawn = [
            (place + side, group, row)
            for place, group in enumerate(GROUPS)
            if (row := cells.get((cohort, group, stage, metric)))
        ]
        for at, group, row in drawn:
            value, low, high = (100 * row[name] for name in ("value", "low", "high"))
            axes.errorbar(
                at, value, yerr=[[max(value - low, 0)], [max(high - value, 0)]],
                **theme.GROUP_STYLES[group], **theme.stage_fill(stage), capsize=1.5, elinewidth=0.8,
                capthick=0.8, linestyle="none",
            )  # fmt: skip
        axes.plot([], [], color=theme.GREY, marker="o", linestyle="none", label=stage,
                  **theme.stage_fill(stage))  # fmt: skip
    n = {g: row["n"] for g in GROUPS if (row := cells.get((cohort, g, WITHOUT, metric)))}
    axes.set_xticks(range(len(GROUPS)), [f"{g}\nn = {n.get(g, 0)}" for g in GROUPS])
    axes.set_xlim(-0.5, len(GROUPS) - 0.5)
