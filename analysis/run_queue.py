"""Analysis runs as jobs: requested, executed, ended. Nothing heavy is loaded here: ``execution``
does the work.

If a run's process dies it ends as failed, and the analysis is started anew as the next run.
"""

from django.db import transaction
from django.db.models import Max

from analysis import file_set_queue
from analysis.models import AnalysisRun
from analysis.plan import Plan
from analysis.registration import registered_plan
from analysis.unblinding_guard import require_analysable
from analysis.witnessed_rows import REQUEST, RUN
from readerstudy.audit.log import record
from readerstudy.audit.row_digests import row_evidence
from readerstudy.jobs import kinds
from readerstudy.jobs.broker import ANALYSIS
from readerstudy.jobs.queue import Queue
from readerstudy.jobs.retry_policy import Limits
from readerstudy.studies.models import Study

State = AnalysisRun.State


class RunQueue(Queue[AnalysisRun]):
    died = "The process stopped unexpectedly. Nothing was stored. Run it again."
    hung = "The analysis hung and was ended at its deadline. Nothing was stored. Run it again."

    def on_failed(self, job: AnalysisRun, *, reason: str) -> None:
        detail = {"reason": reason} | row_evidence(RUN, job)
        record("analysis.failed", study=job.study.slug, target=str(job), detail=detail)


KIND = kinds.register(
    kinds.Kind(
        name="analysis",
        queue=RunQueue(
            AnalysisRun, limits=Limits("ANALYSIS", max_attempts=1), related=("study__protocol",)
        ),
        celery_queue=ANALYSIS,
        run="analysis.execution:run",
        then="run-files",
    )
)


@transaction.atomic
def start(study: Study, plan: Plan, *, by: str) -> AnalysisRun:
    """Queue an analysis; whoever calls has it executed.

    The same plan is not queued twice: while a run of it is under way, that run is returned.
    Raises ResultsSealed unless the study is unblinded, StepNotPossible once it is archived.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)  # two clicks are one after the other
    require_analysable(study)
    KIND.queue.reap()
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


@transaction.atomic
def finish(run: AnalysisRun, **results) -> bool:
    """Store the results and mark the run done, its files still to be made (``make_run_files``).

    False when it was given up for lost meanwhile.
    """
    is_ours = KIND.queue.finish(run, steps_done=run.steps, step="", **results)
    if is_ours:
        file_set_queue.queue(AnalysisRun.objects.select_related("study").get(pk=run.pk))
        detail = {"results": results["results_sha256"]} | row_evidence(RUN, run)
        record("analysis.done", study=run.study.slug, target=str(run), detail=detail)
    return is_ours
