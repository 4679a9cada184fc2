"""False-negative and false-positive rates, and how far the AI brought them down.

Four classes, micro-averaged, and benign against malignant, for each group and all readers. Source
of the figures: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._bootstrap_rows import estimates, metric_row
from analysis.sections._row_types import MetricRow
from analysis.sections._subsets import (
    NOT_BY_ALL,
    STAGES,
    ReaderRows,
    Subset,
    all_readers,
    read_by_all,
    reader_groups,
    subsets,
)
from analysis.study_arrays import AIDED, UNAIDED, StudyData
from readerstudy.diagnosis import Etiology, Malignancy

NAME = "errors"
TITLE = "False-negative and false-positive rates"
READS = ("intervals", "seed")
RATES = {
    "false-negative rate": "false_negative_rate",
    "false-positive rate": "false_positive_rate",
}
LEVEL_1 = [list(Malignancy).index(etiology.malignancy) for etiology in Etiology]


def compute(data: StudyData, plan: Plan) -> dict:
    """Table ``metrics``: each rate by stage, and its ``absolute reduction`` and ``relative
    reduction`` with AI, under stage "change"."""
    rows = (
        row
        for subset in subsets(data)
        for readers in (*reader_groups(data), all_readers(data))
        for row in _rows(subset, plan, readers)
    )
    return {"tables": {"metrics": table(MetricRow, rows)}}


def _rows(subset: Subset, plan: Plan, readers: ReaderRows) -> Iterator[MetricRow]:
    named = {"cohort": subset.cohort, "subject": readers.name, "kind": readers.kind}
    members = list(readers.rows)
    arms = subset.decisions[members, UNAIDED], subset.decisions[members, AIDED]
    read = read_by_all(*arms)
    if not read.any():
        yield MetricRow(
            **named, stage="change", metric="four-class false-negative rate", n=0, reason=NOT_BY_ALL
        )
        return
    truth, before, after = subset.patients.truth[read], *(arm[..., read] for arm in arms)
    level_1 = (
        stats.to_level_1(labels=labels, level_1_of=LEVEL_1) for labels in (truth, before, after)
    )
    statistics = _of_level("four-class", truth, before, after, of="micro")
    statistics |= _of_level("malignancy", *level_1, of=1, n_classes=2)
    # All in one go: they share their resamples.
    for (stage, metric), estimate in estimates(statistics, plan).items():
        yield metric_row(estimate, n=before.size, stage=stage, metric=metric, **named)


def _of_level(
    level: str,
    truth: NDArray[np.integer],
    before: NDArray[np.integer],
    after: NDArray[np.integer],
    **of: Any,
) -> dict[tuple[str, str], stats.WeightedStatistic]:
    """Each rate's statistics by stage and name."""
    statistics = {}
    for words, rate in RATES.items():
        metric = f"{level} {words}"
        old, new = (
            stats.metric_statistic(truth=truth, decision=arm, metric=rate, **of)
            for arm in (before, after)
        )
        statistics |= {
            (STAGES[UNAIDED], metric): old,
            (STAGES[AIDED], metric): new,
            ("change", f"{metric}, absolute reduction"): stats.difference_of(old, new),
            ("change", f"{metric}, relative reduction"): stats.relative_reduction_of(old, new),
        }
    return statistics
