"""Documents of results, of invented studies."""

from functools import cache

from analysis import compute_results
from analysis.exports.provenance import Provenance
from analysis.plan import Intervals, Plan
from analysis.study_arrays import StudyData
from tests.analysis.invented import make_study

QUICK = Plan(intervals=Intervals(resamples=20))
PROVENANCE = Provenance(
    study="An invented study",
    slug="invented",
    run=3,
    planned=True,
    plan_sha256="a" * 64,
    data_sha256="b" * 64,
    results_sha256="c" * 64,
    code_version="1.2.3",
    libraries={"numpy": "2.0", "python": "3.11"},
)


def make_document(
    data: StudyData, *, plan: Plan = QUICK, registered: Plan | None = QUICK, notice: str = ""
) -> dict:
    """What a run computes; ``notice`` makes the study a synthetic one."""
    return compute_results.compute(
        study={"slug": "invented", "is_synthetic": bool(notice), "notice": notice},
        data=data,
        plan=plan,
        registered=registered,
        begin=lambda _number, _title: None,
    )


@cache
def whole() -> dict:
    """Of a study of which everything is there, for tests that change nothing in it."""
    return make_document(make_study())
