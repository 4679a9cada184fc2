"""What readers made of the model's answer: changes of mind, over-reliance and under-reliance."""

from collections.abc import Iterator

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._row_types import MetricRow, rate_row
from analysis.sections._subsets import (
    ALL_COHORTS,
    NOT_BY_ALL,
    ReaderRows,
    Subset,
    all_readers,
    each_reader,
    read_by_all,
    reader_groups,
    subsets,
)
from analysis.study_arrays import AIDED, UNAIDED, StudyData

NAME = "switches"
TITLE = "Changes of mind with AI, and reliance on it"
READS = ("intervals",)
SWITCHES = ("beneficial", "neutral", "kept_wrong", "harmful", "kept_right")
CASES = {
    "": "switches",
    ", model right": "switches_model_right",
    ", model wrong": "switches_model_wrong",
}
RELIANCE = (
    "over_reliance", "self_reliance", "followed_wrong",
    "under_reliance", "ai_reliance", "refused_right",
)  # fmt: skip
NO_SUCH = "There is no such decision."


def compute(data: StudyData, plan: Plan) -> dict:
    """Table ``metrics``, with the names of ``stats.reliance``; readers one by one on all cohorts
    together."""
    rows = (
        row
        for subset in subsets(data)
        for readers in _judged(data, subset)
        for row in _rows(subset, plan, readers)
    )
    return {"tables": {"metrics": table(MetricRow, rows)}}


def _judged(data: StudyData, subset: Subset) -> list[ReaderRows]:
    together = [*reader_groups(data), all_readers(data)]
    return [*each_reader(data), *together] if subset.cohort == ALL_COHORTS else together


def _rows(subset: Subset, plan: Plan, readers: ReaderRows) -> Iterator[MetricRow]:
    named = {
        "cohort": subset.cohort,
        "subject": readers.name,
        "kind": readers.kind,
        "stage": "change",
    }
    members, model = list(readers.rows), subset.patients.model
    unaided, aided = subset.decisions[members, UNAIDED], subset.decisions[members, AIDED]
    read = read_by_all(unaided, aided, model)
    if not read.any():
        yield MetricRow(**named, metric="beneficial", n=0, reason=NOT_BY_ALL)
        return
    found = stats.reliance(
        truth=subset.patients.truth[read],
        model=model[read],
        unaided=unaided[:, read],
        aided=aided[:, read],
        level=plan.intervals.level,
    ).pooled
    for words, name in CASES.items():
        for switch in SWITCHES:
            rate = getattr(getattr(found, name), switch)
            yield rate_row(rate, reason=NO_SUCH, metric=f"{_words(switch)}{words}", **named)
    for name in RELIANCE:
        yield rate_row(getattr(found, name), reason=NO_SUCH, metric=_words(name), **named)


def _words(name: str) -> str:
    return name.replace("_", " ")
