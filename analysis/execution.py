"""Execute a run: read the study, compute the plan's sections, store the results.

Only workers and commands import this module: it brings SciPy in.
"""

import logging

from django.conf import settings

from analysis import canonical, dataset, results, runs, software
from analysis.models import AnalysisRun
from analysis.plan import Plan
from analysis.registration import registered_plan
from analysis.sealing import Sealed
from readerstudy.background import beating

log = logging.getLogger(__name__)


def execute(run_id: int) -> AnalysisRun | None:
    """Execute a queued run to its end, done or failed; None if it is not to be done any more.

    Results and state are stored together or not at all.
    """
    run = runs.claim(run_id)
    if run is None:
        return None
    try:
        with beating(lambda: runs.beat(run), every=settings.ANALYSIS_HEARTBEAT_SECONDS):
            found = _computed(run)
        runs.finish(run, **found)
    except (KeyboardInterrupt, SystemExit):
        _fail(run, "It was interrupted. Nothing was stored; run it again.")
        raise
    except Exception as error:
        log.exception("%s", run)
        said = isinstance(error, results.SectionFailed | Sealed)
        _fail(run, str(error) if said else f"{type(error).__name__}: {error}")
    return AnalysisRun.objects.select_related("study").get(pk=run_id)


def _computed(run: AnalysisRun) -> dict:
    """What the row keeps of a run that is done."""
    data = dataset.load(run.study)
    registered = registered_plan(run.study)
    document = results.compute(
        study={field: getattr(run.study, field) for field in ("slug", "is_synthetic", "notice")},
        data=data,
        plan=Plan.from_document(run.plan_document),
        registered=registered and Plan.from_document(registered.document),
        begin=lambda number, title: runs.tell(run, steps_done=number, step=title),
    )
    text = canonical.to_text(document)
    return {
        "results": text,
        "results_sha256": canonical.sha256(text),
        "data_sha256": document["data"]["sha256"],
        "code_version": software.code_version(),
        "libraries": software.libraries(),
    }


def _fail(run: AnalysisRun, reason: str) -> None:
    run.refresh_from_db(fields=["state", "heartbeat_at"])
    if run.state == runs.State.RUNNING:
        runs.fail(run, reason=reason)
