"""How each reading went, as a file beside ``readings.csv``."""

from collections.abc import Iterable

from analysis.exports.results_csv import csv_text

NAME = "conduct.csv"
_SCALE = "1 to 5, or 0 to 100, as the protocol has it"
# By column: type, values or unit, meaning.
MEANING = {
    "case": ("text", "16 hexadecimal digits", "As in readings.csv"),
    "reader": ("text", "", "The reader's code"),
    "stage": ("text", "without AI | with AI", "Stage 1 | stage 2"),
    "place": ("whole number", "from 1", "The case's place in this reader's order of the stage"),
    "confidence": ("whole number", _SCALE, "How sure the reader was; empty: not asked"),
    "quality_problem": ("text", "", "Why the images were insufficient; empty: they were not"),
    "quality_note": ("text", "", "The reader's note on it"),
    "trust": ("whole number", "1 to 5", "How far the AI was trusted; empty: not asked"),
    "usefulness": ("whole number", "1 to 5", "How useful the AI was; empty: not asked"),
    "server_seconds": ("number", "seconds", "From first shown to stored, by the server's clock"),
    "active_seconds": (
        "number", "seconds", "From both images painted to the submit, by the browser's stopwatch, "
        "without hidden and idle spans; empty, here and below: the browser told nothing",
    ),
    "elapsed_seconds": ("number", "seconds", "The same with those spans"),
    "time_in_doubt": (
        "text", "clock | span | gap | untold, perhaps several", "Why, as the study's page tells",
    ),
    "level_1_seconds": ("number", "seconds", "How long level-1 heatmaps were shown"),
    "level_2_seconds": ("number", "seconds", "How long level-2 heatmaps were shown"),
    "no_map_seconds": ("number", "seconds", "How long the AI was shown without a heatmap"),
    "mean_opacity": ("number", "percent", "Of the heatmaps, over the time that they were shown"),
}  # fmt: skip
COLUMNS = tuple(MEANING)


def conduct_csv(rows: Iterable[list]) -> str:
    """A row a reading. Raises ValueError for one that has not a cell for each column."""
    return csv_text(COLUMNS, (_whole(row) for row in rows))


def _whole(row: list) -> list:
    if len(row) != len(COLUMNS):
        raise ValueError(f"a row of {NAME} has {len(row)} cells for {len(COLUMNS)} columns")
    return row
