"""Agreement beyond chance: of readers with one another and with the model, stage by stage."""

from collections.abc import Iterator

from analysis import stats
from analysis.plan import Plan
from analysis.results_document import table
from analysis.sections._row_types import MetricRow, rate_row
from analysis.sections._subsets import (
    ALL_COHORTS,
    NO_DECISION,
    NOT_BY_ALL,
    STAGES,
    ReaderRows,
    Subset,
    all_readers,
    each_reader,
    read_by_all,
    reader_groups,
    subsets,
)
from analysis.study_arrays import StudyData

NAME = "agreement"
TITLE = "Agreement"
READS = ("intervals",)
MAX_PAIRED = 20  # readers; pairs grow with their square
ONE_CLASS = "Every decision is for the same etiology: chance alone agrees fully."
ONE_PATIENT = "Kappa takes two patients."


def compute(data: StudyData, plan: Plan) -> dict:
    """Table ``metrics``: Fleiss's kappa of groups and all readers, Cohen's of each reader with the
    model and, on all cohorts together, of each pair of up to 20 readers."""
    rows = (
        row
        for subset in subsets(data)
        for stage, name in enumerate(STAGES)
        for row in _rows(data, subset, stage, name, plan.intervals.level)
    )
    return {"tables": {"metrics": table(MetricRow, rows)}}


def _rows(
    data: StudyData, subset: Subset, stage: int, name: str, level: float
) -> Iterator[MetricRow]:
    for readers in (*reader_groups(data), all_readers(data)):
        if len(readers.rows) > 1:
            yield from _among(subset, readers, stage, name, level)
    readers = each_reader(data)
    for reader in readers:
        decisions = subset.decisions[reader.rows[0], stage]
        pair = (decisions, subset.patients.model)
        yield _cohen(subset, *pair, subject=f"{reader.name} and model", stage=name, level=level)
    if subset.cohort == ALL_COHORTS and len(readers) <= MAX_PAIRED:
        for at, first in enumerate(readers):
            for second in readers[at + 1 :]:
                pair = (subset.decisions[each.rows[0], stage] for each in (first, second))
                names = f"{first.name} and {second.name}"
                yield _cohen(subset, *pair, subject=names, stage=name, level=level)


def _among(subset: Subset, readers: ReaderRows, stage: int, name: str, level: float):
    named = {
        "cohort": subset.cohort, "subject": readers.name, "kind": readers.kind, "stage": name,
    }  # fmt: skip
    decisions = subset.decisions[list(readers.rows), stage]
    read = read_by_all(decisions)
    if read.sum() < 2:
        reason = ONE_PATIENT if read.any() else NOT_BY_ALL
        yield MetricRow(**named, metric="Fleiss's kappa", n=int(read.sum()), reason=reason)
        return
    found = stats.fleiss_kappa(decisions=decisions[:, read], level=level)
    yield _kappa(found, **named)
    yield rate_row(found.unanimous, reason=NOT_BY_ALL, metric="unanimous", **named)
    yield MetricRow(**named, metric="agreement of pairs", n=found.n_patients, value=found.agreement)


def _cohen(subset: Subset, first, second, *, subject: str, stage: str, level: float) -> MetricRow:
    named = {"cohort": subset.cohort, "subject": subject, "kind": "pair", "stage": stage}
    read = read_by_all(first, second)
    if not read.any():
        return MetricRow(**named, metric="Cohen's kappa", n=0, reason=NO_DECISION)
    return _kappa(stats.cohen_kappa(first=first[read], second=second[read], level=level), **named)


def _kappa(found: stats.Kappa, **named: str) -> MetricRow:
    known = found.low is not None
    return MetricRow(
        **named,
        metric=found.method,
        n=found.n_patients,
        value=found.kappa,
        low=found.low,
        high=found.high,
        level=found.level if known else None,
        interval="large-sample" if known else None,
        reason=ONE_CLASS if found.kappa is None else None,
    )
