"""What readers made of the model's answer: changes of mind, over-reliance and under-reliance."""

from collections.abc import Iterator

from analysis import stats
from analysis.document import table
from analysis.plan import Plan
from analysis.sections.decisions import NOT_BY_ALL
from analysis.sections.parts import (
    ALL_COHORTS,
    Part,
    Readers,
    all_readers,
    each_reader,
    groups,
    parts,
    read_by_all,
)
from analysis.sections.rows import MetricRow, of_rate
from analysis.study_data import AIDED, UNAIDED, StudyData

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
        for part in parts(data)
        for readers in _judged(data, part)
        for row in _rows(part, plan, readers)
    )
    return {"tables": {"metrics": table(MetricRow, rows)}}


def _judged(data: StudyData, part: Part) -> list[Readers]:
    together = [*groups(data), all_readers(data)]
    return [*each_reader(data), *together] if part.cohort == ALL_COHORTS else together


def _rows(part: Part, plan: Plan, readers: Readers) -> Iterator[MetricRow]:
    named = {
        "cohort": part.cohort,
        "subject": readers.name,
        "kind": readers.kind,
        "stage": "change",
    }
    members, model = list(readers.rows), part.patients.model
    unaided, aided = part.decisions[members, UNAIDED], part.decisions[members, AIDED]
    read = read_by_all(unaided, aided, model)
    if not read.any():
        yield MetricRow(**named, metric="beneficial", n=0, reason=NOT_BY_ALL)
        return
    found = stats.reliance(
        truth=part.patients.truth[read],
        model=model[read],
        unaided=unaided[:, read],
        aided=aided[:, read],
        level=plan.intervals.level,
    ).pooled
    for words, name in CASES.items():
        for switch in SWITCHES:
            rate = getattr(getattr(found, name), switch)
            yield of_rate(rate, reason=NO_SUCH, metric=f"{_words(switch)}{words}", **named)
    for name in RELIANCE:
        yield of_rate(getattr(found, name), reason=NO_SUCH, metric=_words(name), **named)


def _words(name: str) -> str:
    return name.replace("_", " ")
