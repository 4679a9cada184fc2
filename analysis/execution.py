"""Execute a run: read the study, compute the plan's sections, store the results.

Only workers and commands import this module: it brings SciPy in.
"""

from analysis import canonical, compute_results, load_study_data, run_queue, software
from analysis.models import AnalysisRun
from analysis.plan import Plan
from analysis.registration import registered_plan
from analysis.unblinding_guard import ResultsSealed
from readerstudy.code_version import code_version
from readerstudy.jobs import worker
from readerstudy.jobs.errors import JobFailed


def run(jobs: list[AnalysisRun]) -> None:
    """Execute a run and store its results; its files wait to be made. Raises JobFailed."""
    [claimed] = jobs
    try:
        results = _computed(claimed)
    except (compute_results.SectionFailed, ResultsSealed) as error:
        raise JobFailed(str(error)) from error
    run_queue.finish(claimed, **results)


def execute(run_id: int) -> AnalysisRun | None:
    """Execute a queued run in this process; None if it is not to be done any more."""
    if worker.run_jobs(run_queue.KIND, [run_id]) == worker.Outcome():
        return None
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
        begin=lambda number, title: run_queue.KIND.queue.note_progress(
            run, steps_done=number, step=title
        ),
    )
    text = canonical.to_json(document)
    return {
        "results": text,
        "results_sha256": canonical.sha256(text),
        "data_sha256": document["data"]["sha256"],
        "code_version": code_version(),
        "libraries": software.libraries(),
    }
