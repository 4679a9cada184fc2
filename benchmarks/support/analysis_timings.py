"""Whole studies: how long their analysis takes, and their pages."""

import statistics
import time
from collections.abc import Iterator
from functools import partial
from math import log

from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analysis import compute_results, load_study_data, run_queue
from analysis.execution import execute
from analysis.make_run_files import make_run_files
from analysis.models import AnalysisRun
from analysis.plan import Intervals, Plan
from analysis.study_arrays import StudyData
from benchmarks.support.readings import read_study
from benchmarks.support.site import made_up_model
from readerstudy.accounts.models import User
from readerstudy.demo import published_study
from readerstudy.studies.models import Study

Figure = tuple[str, float, str]
PATIENTS, FEW_READERS, MANY_READERS = 368, 6, 200
LARGE = {"readers": 200, "cases": 2_500}
QUICK = {"readers": 4, "cases": 40}
QUICK_PLAN = Plan(intervals=Intervals(resamples=100), sections=("table2", "roc"))


def figures(*, quick: bool) -> Iterator[Figure]:
    """Name, value and unit of each figure; ``quick`` ones are of small studies."""
    version = made_up_model()
    yield _published(repeats=1 if quick else 3, resamples=100 if quick else 10_000)
    plan = QUICK_PLAN if quick else Plan()
    yield _growth(version, many=FEW_READERS + 1 if quick else MANY_READERS, plan=plan)
    large = read_study("large", **(QUICK if quick else LARGE), model_version=version)
    yield from _pages(large, plan)


def _published(*, repeats: int, resamples: int) -> Figure:
    study = published_study.build(picture=(64, 64))
    plan = Plan(intervals=Intervals(resamples=resamples))
    seconds = [
        _seconds(lambda: _analysed(load_study_data.load(study), plan)) for _ in range(repeats)
    ]
    return "published_analysis_seconds", statistics.median(seconds), "s"


def _growth(version, *, many: int, plan: Plan) -> Figure:
    """Measured ratio of the times of many readers and few, over that of n log n."""
    each = {}
    for readers in (FEW_READERS, many):
        slug = f"readers-{readers}"
        study = read_study(slug, readers=readers, cases=PATIENTS, model_version=version)
        each[readers] = _seconds(partial(_analysed, load_study_data.load(study), plan))
    predicted = many * log(many) / (FEW_READERS * log(FEW_READERS))
    return "growth_readers", each[many] / each[FEW_READERS] / predicted, "ratio"


def _analysed(data: StudyData, plan: Plan) -> dict:
    return compute_results.compute(
        study={}, data=data, plan=plan, registered=plan, begin=lambda _number, _title: None
    )


def _pages(study: Study, plan: Plan) -> Iterator[Figure]:
    run = execute(run_queue.start(study, plan, by="benchmark").pk)
    if run.state != AnalysisRun.State.DONE:
        raise RuntimeError(run.reason)
    make_run_files(run)
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.get(username=study.slug))
    page = f"/results/{study.slug}/"
    for name, address in (("dashboard", page), ("run", f"{page}runs/{run.number}/")):
        _visit(client, address)  # code and templates are loaded
        for each in caches.all():
            each.clear()
        yield f"{name}_first_ms", 1000 * _seconds(partial(_visit, client, address)), "ms"
        seconds = [_seconds(partial(_visit, client, address)) for _ in range(11)]
        yield f"{name}_ms", 1000 * statistics.median(seconds), "ms"
        with CaptureQueriesContext(connection) as queries:
            _visit(client, address)
        yield f"{name}_queries", len(queries), "queries"


def _visit(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}")


def _seconds(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
