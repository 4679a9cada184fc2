"""ROC curves as the section ``roc`` has them: points of each curve, and the areas under them."""

from dataclasses import dataclass

from analysis.figures.document_data import Record, complete_rows, required_rows, rows_by

MICRO = "micro-averaged"


@dataclass(frozen=True)
class Curve:
    """Points from (0, 0) to (1, 1), shape (n_points,) each, and the row of the area's metric.

    Cells that score ``threshold`` or more are called positive; None: none is.
    """

    threshold: list[float | None]
    false_positive_rate: list[float]
    true_positive_rate: list[float]
    auc: Record


def curves_of(document: dict, cohort: str) -> dict[str, Curve]:
    """The model's curves in a cohort: MICRO, and each etiology's that has one, by its value.

    Raises NotAvailable without any.
    """
    points: dict[str, list[Record]] = {}
    for row in required_rows(document, "roc", "curves"):
        if row["cohort"] == cohort:
            points.setdefault(row["curve"], []).append(row)
    metrics = (row for row in required_rows(document, "roc", "metrics") if row["cohort"] == cohort)
    areas = rows_by(complete_rows(metrics, "value"), "metric")
    return {
        name: Curve(
            threshold=[row["threshold"] for row in found],
            false_positive_rate=[row["false_positive_rate"] for row in found],
            true_positive_rate=[row["true_positive_rate"] for row in found],
            auc=areas[f"{name} AUC"],
        )
        for name, found in points.items()
        if f"{name} AUC" in areas
    }
