"""Studies of which something is odd, and their documents, each computed once."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from analysis.study_arrays import StudyData
from tests.analysis.documents import make_document
from tests.analysis.invented import READERS, make_study, of_patients, unread, without_model


def one_group() -> StudyData:
    return make_study(readers=READERS[:2])


def one_cohort() -> StudyData:
    data = make_study()
    return of_patients(data, data.testing.cohort == "internal")


def half_read() -> StudyData:
    return unread(make_study(), where=(slice(1, None), 1))


def all_right() -> StudyData:
    data = make_study()
    answers = np.broadcast_to(data.testing.truth, data.decisions.shape).copy()
    return replace(data, decisions=answers)


def one_patient() -> StudyData:
    return of_patients(make_study(), np.arange(24) == 0)


def nobody() -> StudyData:
    return of_patients(make_study(), np.zeros(24, dtype=bool))


def odd_names() -> StudyData:
    data = make_study()
    reader = replace(data.readers[0], code="$R_1^{<&" + "W" * 8)
    cohorts = tuple(replace(c, name=f"{c.name} $x_1$ & <b>".ljust(64, "W")) for c in data.cohorts)
    name = dict(zip((c.name for c in data.cohorts), (c.name for c in cohorts), strict=True))
    renamed = {
        kind: replace(found, cohort=np.array([name[c] for c in found.cohort.tolist()]))
        for kind, found in (("testing", data.testing), ("training", data.training))
    }
    return replace(data, cohorts=cohorts, readers=(reader, *data.readers[1:]), **renamed)


ODD: dict[str, Callable[[], StudyData]] = {
    "one group": one_group,
    "one cohort": one_cohort,
    "half read": half_read,
    "all right": all_right,
    "one patient": one_patient,
    "nobody": nobody,
    "odd names": odd_names,
    "unread": lambda: unread(make_study()),
    "no model": lambda: without_model(make_study()),
    "unread, no model": lambda: unread(without_model(make_study())),
    "one etiology": lambda: of_patients(make_study(), make_study().testing.truth == 0),
}


@cache
def odd(name: str) -> dict:
    """The document of this odd study, for tests that change nothing in it."""
    return make_document(ODD[name]())
