"""Execute a run: read the study, compute the plan's sections, store the results.

Only workers and commands import this module: it brings SciPy in.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from analysis import canonical, dataset, results, runs, software
from analysis.models import AnalysisRun
from analysis.plan import Plan
from analysis.registration import registered_plan
from analysis.sealing import Sealed

log = logging.getLogger(__name__)


def execute(run_id: int) -> AnalysisRun | None:
    """Execute a queued run to its end, done or failed; None if it is not to be done any more.

    Results and state are stored together or not at all.
    """
    run = runs.claim(run_id)
    if run is None:
        return None
    try:
        with _beating(run):
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


@contextmanager
def _beating(run: AnalysisRun) -> Iterator[None]:
    """Keep the run's heartbeat fresh from a thread while sections are computed."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(settings.ANALYSIS_HEARTBEAT_SECONDS):
            close_old_connections()
            try:
                runs.beat(run)
            except DatabaseError:
                log.warning("A heartbeat was not written", exc_info=True)
        connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
