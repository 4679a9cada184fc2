"""Reading times: from the first showing of a case to the submit, by the server's clock.

Whatever a reader did in between is part of it, so medians and quartiles are told, not means.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.document import table
from analysis.plan import Plan
from analysis.sections.parts import STAGES, Part, groups, parts
from analysis.study_data import StudyData

NAME = "times"
TITLE = "Reading times"
READS = ()
NO_READING = "Nothing was read."


@dataclass(frozen=True, kw_only=True)
class TimesRow:
    """Median and quartiles of n readings' times, in seconds; quantiles of type 7."""

    cohort: str
    subject: str
    kind: str
    stage: str
    n: int
    median: float | None = None
    first_quartile: float | None = None
    third_quartile: float | None = None
    reason: str | None = None


def compute(data: StudyData, _plan: Plan) -> dict:
    """Table ``times``: each reader, each group's readings together, and all readings."""
    return {"tables": {"times": table(TimesRow, _times(data))}}


def _times(data: StudyData) -> Iterator[TimesRow]:
    subjects = [(reader.code, "reader", [at]) for at, reader in enumerate(data.readers)]
    subjects += [(group, "group", members) for group, members in groups(data).items()]
    subjects += [("all readers", "all", list(range(len(data.readers))))]
    for part in parts(data):
        for subject, kind, members in subjects:
            for stage, name in enumerate(STAGES):
                yield _row(part, subject, kind, name, part.seconds[members, stage])


def _row(part: Part, subject: str, kind: str, stage: str, seconds: NDArray[np.float64]) -> TimesRow:
    taken = seconds[~np.isnan(seconds)]
    named = {"cohort": part.cohort, "subject": subject, "kind": kind, "stage": stage}
    if not taken.size:
        return TimesRow(**named, n=0, reason=NO_READING)
    first, median, third = np.quantile(taken, [0.25, 0.5, 0.75]).tolist()
    return TimesRow(
        **named, n=taken.size, median=median, first_quartile=first, third_quartile=third
    )
