"""Agreement beyond chance, without and with AI: of readers with the model, and among readers."""

from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.figures._forest_plot import ForestLine, draw_forest, lines_in
from analysis.figures.document_data import (
    GROUPS,
    STAGES,
    Record,
    caveats,
    complete_rows,
    group_of,
    interval,
    left_out_note,
    overall_cohort,
    required_rows,
    short_cohort_name,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "agreement"
TITLE = "Agreement with the model and among readers"
BY_COHORT = False
READERS = 16  # drawn at most
FLEISS, COHEN = "Fleiss's kappa", "Cohen's kappa"
WITH_MODEL = " and model"


def describe(document: dict) -> str:
    """The figure in a sentence."""
    found = _found(document)
    text = ", ".join(
        f"{row['metric']} of {row['subject']} {row['stage']} {interval(row, 2)}"
        for row in found
        if row["metric"] == FLEISS and row["kind"] == "all"
    )
    return f"Agreement beyond chance, {found[0]['cohort']}: {text or 'reader by reader'}."


def size(document: dict) -> theme.Size:
    """A line for each estimate."""
    lines = lines_in(_blocks(document, _found(document)))
    return theme.SINGLE * 1.35, min((24 + 4.2 * lines) * theme.MM, theme.HIGHEST)


def draw(document: dict) -> "Figure":
    """A block for each kappa; hollow without AI, filled with AI. Raises NotAvailable."""
    found = _found(document)
    figure = theme.new_figure(size(document))
    axes = figure.subplots()
    draw_forest(axes, _blocks(document, found))
    level = next((row["level"] for row in found if row["level"]), None)
    axes.set_xlabel(f"Kappa, with {100 * level:g}% interval" if level else "Kappa")
    n = max(row["n"] for row in found)
    axes.set_title(f"{short_cohort_name(found[0]['cohort'])}, n = {n} patients", loc="left")
    return theme.finish(
        figure, left_out_note(READERS, len(group_of(document)), "readers"), caveats(document, NAME)
    )


def _blocks(document: dict, found: list[Record]) -> list[tuple[str, list[ForestLine]]]:
    """Agreement among readers, then with the model; those that have an estimate."""
    group = group_of(document)
    among = [row for row in found if row["metric"] == FLEISS]
    with_model = [row for row in found if row["metric"] == COHEN]
    blocks = [
        (f"Among readers: {FLEISS}", _lines(among, {name: name for name in GROUPS}, {})),
        (
            f"With the model: {COHEN}",
            _lines(
                with_model[: len(STAGES) * READERS],
                {f"{code}{WITH_MODEL}": group[code] for code in group},
                {f"{code}{WITH_MODEL}": f"{code} ({group[code]})" for code in group},
            ),
        ),
    ]
    return [block for block in blocks if block[1]]


def _found(document: dict) -> list[Record]:
    """Rows of all cohorts together: Fleiss's kappa, and Cohen's of readers with the model."""
    every = required_rows(document, NAME, "metrics")
    cohort, with_model = (
        overall_cohort(every),
        {f"{code}{WITH_MODEL}" for code in group_of(document)},
    )
    wanted = [
        row
        for row in every
        if row["cohort"] == cohort
        and (row["metric"] == FLEISS or (row["metric"] == COHEN and row["subject"] in with_model))
    ]
    return sorted(complete_rows(wanted, "value"), key=lambda row: row["metric"] != FLEISS)


def _lines(found: list[Record], group_of_subject: dict, label_of: dict) -> list[ForestLine]:
    """Both stages of each subject, one below the other."""
    lines = []
    for subject in dict.fromkeys(row["subject"] for row in found):
        style = theme.GROUP_STYLES.get(group_of_subject.get(subject), theme.OTHER_STYLE)
        of_stage = {row["stage"]: row for row in found if row["subject"] == subject}
        for stage in [stage for stage in STAGES if stage in of_stage]:
            row = of_stage[stage]
            lines.append(
                ForestLine(
                    label=f"{label_of.get(subject, subject)}, {stage}",
                    value=row["value"],
                    low=row["low"],
                    high=row["high"],
                    text=interval(row, 2),
                    looks=style | theme.stage_fill(stage),
                )
            )
    return lines
