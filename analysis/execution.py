"""Execute a run: read the study, compute the plan's sections, store the results.

Only workers and commands import this module: it brings SciPy in.
"""

import logging

from django.conf import settings

from analysis import canonical, compute_results, load_study_data, runs, software
from analysis.models import AnalysisRun
from analysis.plan import Plan
from analysis.registration import registered_plan
from analysis.unblinding_guard import ResultsSealed
from readerstudy.background import heartbeat
from readerstudy.outages import outage, wait_for_database

log = logging.getLogger(__name__)


def execute(run_id: int) -> AnalysisRun | None:
    """Execute a queued run to its end, done or failed; None if it is not to be done any more.

    Results and state are stored together or not at all.
    """
    run = runs.claim(run_id)
    if run is None:
        return None
    try:
        with heartbeat(lambda: runs.beat(run), every=settings.ANALYSIS_HEARTBEAT_SECONDS):
            found = _computed(run)
        runs.finish(run, **found)
    except (KeyboardInterrupt, SystemExit):
        _fail(run, "The analysis was interrupted. Nothing was stored. Run it again.")
        raise
    except Exception as error:
        log.exception("%s", run)
        is_explained = isinstance(error, compute_results.SectionFailed | ResultsSealed)
        reason = str(error) if is_explained else f"{type(error).__name__}: {error}"
        if found := outage(error):
            reason = f"{found.title}. Nothing was stored. Run it again."
            wait_for_database()
        _fail(run, reason)
    return AnalysisRun.objects.select_related("study").get(pk=run_id)


def _computed(run: AnalysisRun) -> dict:
    """What the row keeps of a run that is done."""
    data = load_study_data.load(run.study)
    registered = registered_plan(run.study)
    document = compute_results.compute(
        study={field: getattr(run.study, field) for field in ("slug", "is_synthetic", "notice")},
        data=data,
        plan=Plan.from_document(run.plan_document),
        registered=registered and Plan.from_document(registered.document),
        begin=lambda number, title: runs.note_progress(run, steps_done=number, step=title),
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
