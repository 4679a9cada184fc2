"""That imported rows are the data that the study's runs read, and its documents as they were."""

from collections.abc import Iterator

from analysis import canonical, load_study_data
from readerstudy.exchange.bundles.results_files import done_runs
from readerstudy.exchange.errors import ExchangeError
from readerstudy.studies.models import Study


def require_reproduced(study: Study) -> None:
    """Raise ExchangeError unless the study's rows are what its runs read, and its hashes hold."""
    problems = [
        f"{name} does not match its SHA-256."
        for name, document, sha256 in _documents(study)
        if canonical.sha256(document) != sha256
    ]
    runs = list(done_runs(study))
    digest = load_study_data.load(study).digest() if runs else ""
    problems += [
        f"The bundle's rows are not the data that {run} read."
        for run in runs
        if run.data_sha256 != digest
    ]
    if problems:
        raise ExchangeError(
            *problems, "Get a new copy of the bundle from the site that exported it."
        )


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
