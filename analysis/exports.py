"""Tables as tidy CSV: one row a number, full double precision, every method named."""

import csv
import io
from collections.abc import Iterable

from analysis.tables import MetricRow, TestRow

METRICS = ("accuracy", "sensitivity", "specificity")
METRIC_COLUMNS = [
    "subject", "kind", "cohort", "stage", "metric", "n", "correct", "value", "low", "high",
    "level", "interval", "resamples",
]  # fmt: skip
TEST_COLUMNS = [
    "question", "subject", "against", "cohort", "test", "unit", "n", "b", "c", "statistic",
    "difference", "p_value",
]  # fmt: skip


def metrics_csv(rows: Iterable[MetricRow]) -> str:
    """Metrics with their intervals, as proportions."""
    return _csv(METRIC_COLUMNS, (line for row in rows for line in _metric_lines(row)))


def tests_csv(rows: Iterable[TestRow]) -> str:
    """Tests with their counts."""
    return _csv(TEST_COLUMNS, ([getattr(row, c) for c in TEST_COLUMNS] for row in rows))


def _metric_lines(row: MetricRow) -> Iterable[list]:
    for metric in METRICS:
        interval = getattr(row.intervals, metric)
        yield [
            row.subject,
            row.kind,
            row.cohort,
            row.stage,
            f"micro-averaged {metric}",
            row.n,
            row.correct,
            getattr(row.metrics, metric),
            interval.low,
            interval.high,
            interval.level,
            f"bootstrap by patient, {interval.method}",
            interval.resamples,
        ]


def _csv(columns: list[str], lines: Iterable[list]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_safe(cell) for cell in line] for line in lines)
    return text.getvalue()


def _safe(cell):
    """Text that a spreadsheet would take for a formula is quoted; None is an empty cell."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return "" if cell is None else cell
