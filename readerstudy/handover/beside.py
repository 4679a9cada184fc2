"""What else a bundle has of an unblinded study: its runs' tables, and the data that they read.

For people; an import reads none of it, but makes sure that the imported rows give the same.
"""

import json
from collections.abc import Iterator

from analysis import canonical, conduct, dataset
from analysis.exports import conduct as exports_conduct
from analysis.exports import files, tidy
from analysis.models import AnalysisRun
from readerstudy.cohorts.models import Study
from readerstudy.handover.problems import Refused


def files_of(study: Study) -> Iterator[tuple[str, str | bytes]]:
    """The files by name, of runs that are done."""
    for run in _done(study):
        results = json.loads(run.results)
        for table in ("metrics", "tests"):
            yield f"results/run-{run.number}-{table}.csv", tidy.tables_csv(results, table=table)
    if _done(study).exists():
        data = dataset.load(study)
        for name in files.DATA_FILES:
            yield f"results/data/{name}", files.data_file(name, data)
        yield (
            f"results/data/{exports_conduct.NAME}",
            exports_conduct.conduct_csv(conduct.rows(study)),
        )


def require_reproduced(study: Study) -> None:
    """Raise Refused unless the study's rows are what its runs read, and its hashes hold."""
    problems = [
        f"{name} is not what its SHA-256 says."
        for name, document, sha256 in _documents(study)
        if canonical.sha256(document) != sha256
    ]
    runs = list(_done(study))
    digest = dataset.load(study).digest() if runs else ""
    problems += [
        f"The bundle's rows are not the data that {run} read."
        for run in runs
        if run.data_sha256 != digest
    ]
    if problems:
        raise Refused(*problems, "Get the bundle anew from where it was exported.")


def _documents(study: Study) -> Iterator[tuple[str, str, str]]:
    """Every document of a study that is kept with its digest."""
    protocol = getattr(study, "protocol", None)
    if protocol and protocol.frozen_sha256:
        yield "The frozen protocol", protocol.frozen_document, protocol.frozen_sha256
    for plan in study.registeredplan_set.all():
        yield str(plan), plan.document, plan.sha256
    for run in study.analysisrun_set.all():
        yield f"The plan of {run}", run.plan_document, run.plan_sha256
        if run.results:
            yield f"The results of {run}", run.results, run.results_sha256


def _done(study: Study):
    state = AnalysisRun.State.DONE
    return AnalysisRun.objects.filter(study=study, state=state).order_by("number")
