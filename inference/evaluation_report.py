"""An evaluation of CLA-HDM as lines, one a number: for a CSV file and for the eye."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np

from inference.clahdm.evaluation import Calibration, Estimate, evaluate, heatmap_attention
from inference.evaluation_inputs import CohortPredictions
from readerstudy.diagnosis import Modality

METRICS = ("auc", "accuracy", "sensitivity", "specificity")
NAMES = {
    "malignancy": "Sub-model 1",
    "benign": "Sub-model 2",
    "malignant": "Sub-model 3",
}


class ReportLine(NamedTuple):
    """One number of one cohort. What has no interval has None for its limits."""

    cohort: str
    role: str
    subject: str
    metric: str
    n: int
    value: float | None
    low: float | None = None
    high: float | None = None


def cohort_lines(
    cohort: CohortPredictions,
    *,
    threshold: float,
    resamples: int,
    seed: int,
    masks: list[np.ndarray] | None = None,
) -> Iterator[ReportLine]:
    """All lines of one cohort, Table 1's first."""
    here, n = (cohort.name, cohort.role), len(cohort.truth)
    found = evaluate(
        truth=cohort.truth,
        probabilities=cohort.probabilities,
        threshold=threshold,
        resamples=resamples,
        seed=seed,
    )
    for row in found.rows:
        subject = NAMES.get(row.model, row.model)
        for metric in METRICS:
            yield ReportLine(*here, subject, metric, row.n, *_numbers(getattr(row, metric)))
    for etiology, estimate in found.etiologies.items():
        yield ReportLine(*here, etiology.label, "auc, one against rest", n, *_numbers(estimate))
    for each in found.calibrations:
        yield from _calibration_lines(here, each)
    if masks is not None:
        yield from _attention_lines(here, cohort, masks)


def as_text(lines: Iterable[ReportLine]) -> Iterator[str]:
    """A table a cohort; reliability bins are for the CSV file alone."""
    for cohort, of_cohort in groupby(lines, key=lambda line: line.cohort):
        yield f"\n{cohort}"
        shown = (line for line in of_cohort if not line.metric.startswith("bin "))
        for (subject, n), group in groupby(shown, key=lambda line: (line.subject, line.n)):
            yield f"  {subject} (n={n}): " + ", ".join(map(_cell, group))


def _cell(line: ReportLine) -> str:
    value = "undefined" if line.value is None else f"{line.value:.3f}"
    interval = "" if line.low is None else f" ({line.low:.3f}-{line.high:.3f})"
    return f"{line.metric} {value}{interval}"


def _numbers(estimate: Estimate) -> tuple[float | None, ...]:
    values = (estimate.value, estimate.low, estimate.high)
    return tuple(None if np.isnan(value) else value for value in values)


def _calibration_lines(here: tuple[str, str], found: Calibration) -> Iterator[ReportLine]:
    subject = f"{NAMES[found.model]}, calibration"
    yield ReportLine(*here, subject, "Brier score", found.n, found.brier)
    yield ReportLine(
        *here, subject, "expected calibration error", found.n, found.expected_calibration_error
    )
    for at, count in enumerate(found.counts):
        label = f"bin {found.edges[at]:.1f}-{found.edges[at + 1]:.1f}"
        yield ReportLine(
            *here, subject, f"{label}, mean probability", count, found.mean_probability[at]
        )
        yield ReportLine(
            *here, subject, f"{label}, share positive", count, found.share_positive[at]
        )


def _attention_lines(
    here: tuple[str, str], cohort: CohortPredictions, masks: list[np.ndarray]
) -> Iterator[ReportLine]:
    """Means over the cases that have a map; one that is all zero looks nowhere and is left out.

    Nodes lie near the middle of their image, and so would a heatmap that knew that and no more:
    "another case's node", the mask of the case before, says how much it would have inside.
    """
    for level in (1, 2):
        for modality in Modality:
            maps = [heatmaps.get((level, str(modality))) for heatmaps in cohort.heatmaps]
            pairs = [pair for pair in zip(maps, masks, strict=True) if pair[0] is not None]
            seen = [found for pair in pairs if (found := heatmap_attention(*pair)) is not None]
            subject = f"Heatmap, level {level}, {modality.upper()}"
            if not seen:
                yield ReportLine(*here, subject, "mass inside the node", 0, None)
                continue
            inside, chance = (np.mean([getattr(s, k) for s in seen]) for k in ("inside", "chance"))
            yield ReportLine(*here, subject, "mass inside the node", len(seen), float(inside))
            yield ReportLine(*here, subject, "node's share of the image", len(seen), float(chance))
            yield ReportLine(*here, subject, "ratio", len(seen), float(inside / chance))
            others = [(m, masks[row - 1]) for row, m in enumerate(maps) if m is not None]
            elsewhere = [f.inside for pair in others if (f := heatmap_attention(*pair)) is not None]
            metric = "mass inside another case's node"
            yield ReportLine(*here, subject, metric, len(elsewhere), float(np.mean(elsewhere)))
