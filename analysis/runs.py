"""Analysis runs as rows: asked for, claimed, ended. The AnalysisRun row is the truth.

A run is claimed once, by one conditional UPDATE. If its process dies it ends as failed, and the
analysis is started anew as the next run. ``execution`` does the work; nothing heavy is loaded here.
"""

import os
import socket

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analysis import file_set_queue
from analysis.models import AnalysisRun
from analysis.plan import Plan
from analysis.registration import registered_plan
from analysis.unblinding_guard import require_analysable
from analysis.witnessed_rows import REQUEST, RUN
from readerstudy.audit.evidence import row_evidence
from readerstudy.audit.log import record
from readerstudy.studies.models import Study

State = AnalysisRun.State
NO_SIGN = "The process stopped unexpectedly or never started. Nothing was stored. Run it again."


@transaction.atomic
def start(study: Study, plan: Plan, *, by: str) -> AnalysisRun:
    """Queue an analysis; whoever calls has it executed (``dispatch``, or ``execution.execute``).

    The same plan is not queued twice: while a run of it is under way, that run is returned.
    Raises ResultsSealed unless the study is unblinded, StepNotPossible once it is archived.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)  # two clicks are one after the other
    require_analysable(study)
    reap(study=study)
    sha256 = plan.sha256()
    runs = AnalysisRun.objects.filter(study=study)
    under_way = runs.filter(state__in=[State.QUEUED, State.RUNNING], plan_sha256=sha256).first()
    if under_way:
        return under_way
    registered = registered_plan(study)
    run = AnalysisRun.objects.create(
        study=study,
        number=(runs.aggregate(last=Max("number"))["last"] or 0) + 1,
        plan_document=plan.to_document(),
        plan_sha256=sha256,
        planned=registered is not None and registered.sha256 == sha256,
        created_by=by,
        steps=len(plan.sections),
    )
    detail = {"plan": sha256} | row_evidence(REQUEST, run)
    record("analysis.start", actor=by, study=study.slug, target=str(run), detail=detail)
    return AnalysisRun.objects.select_related("study").get(pk=run.pk)


def claim(run_id: int) -> AnalysisRun | None:
    """Take a queued run for this process; None when it is not (or no longer) to be done."""
    taken = AnalysisRun.objects.filter(pk=run_id, state=State.QUEUED).update(
        state=State.RUNNING,
        heartbeat_at=timezone.now(),
        worker=f"{socket.gethostname()}:{os.getpid()}",
    )
    if not taken:
        return None
    return AnalysisRun.objects.select_related("study__protocol").get(pk=run_id)


def _running(run: AnalysisRun):
    return AnalysisRun.objects.filter(pk=run.pk, state=State.RUNNING)


def beat(run: AnalysisRun) -> None:
    """Say that the run's process lives."""
    _running(run).update(heartbeat_at=timezone.now())


def note_progress(run: AnalysisRun, *, steps_done: int, step: str) -> None:
    """Store how far the run is."""
    _running(run).update(steps_done=steps_done, step=step, heartbeat_at=timezone.now())


@transaction.atomic
def finish(run: AnalysisRun, **results) -> bool:
    """Store the results and mark the run done, its files still to be made (``make_run_files``).

    False when it was given up for lost meanwhile.
    """
    ours = _running(run).update(
        state=State.DONE, finished_at=timezone.now(), steps_done=run.steps, step="", **results
    )
    if ours:
        file_set_queue.queue(AnalysisRun.objects.select_related("study").get(pk=run.pk))
        detail = {"results": results["results_sha256"]} | row_evidence(RUN, run)
        record("analysis.done", study=run.study.slug, target=str(run), detail=detail)
    return bool(ours)


@transaction.atomic
def fail(run: AnalysisRun, *, reason: str) -> bool:
    """End the run as failed, if it is still where it was seen; whether it was."""
    seen = AnalysisRun.objects.filter(pk=run.pk, state=run.state, heartbeat_at=run.heartbeat_at)
    ended = seen.update(state=State.FAILED, finished_at=timezone.now(), reason=reason)
    if ended:
        detail = {"reason": reason} | row_evidence(RUN, run)
        record("analysis.failed", study=run.study.slug, target=str(run), detail=detail)
    return bool(ended)


def reap(*, study: Study | None = None) -> None:
    """End runs whose process gives no sign of life, of one study or of all."""
    under_way = AnalysisRun.objects.filter(state__in=[State.QUEUED, State.RUNNING])
    if study is not None:
        under_way = under_way.filter(study=study)
    for run in under_way.select_related("study"):
        if run.is_lost:
            fail(run, reason=NO_SIGN)


def waiting() -> list[int]:
    """The ids of all queued runs, oldest first."""
    queued = AnalysisRun.objects.filter(state=State.QUEUED).order_by("pk")
    return list(queued.values_list("pk", flat=True))
