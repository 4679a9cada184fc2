"""Names under which an earlier release sends messages: an upgrade finds them in the broker.

To be removed with the release after this one.
"""

from readerstudy.celery import app
from readerstudy.jobs import tasks
from readerstudy.jobs.broker import ANALYSIS, IMPORTS, INFERENCE


@app.task(name="inference.tasks.run_jobs")
def run_inference(job_ids: list[int]) -> None:
    """Run a batch of inference jobs."""
    tasks.run("inference", job_ids)


@app.task(name="readerstudy.cohorts.tasks.work")
def run_import(job_id: int) -> None:
    """Do the step that an import waits for."""
    tasks.run("import", [job_id])


@app.task(name="analysis.tasks.execute")
def run_analysis(run_id: int) -> None:
    """Execute an analysis run."""
    tasks.run("analysis", [run_id])


def _reap(celery_queue: str):
    def reap(*_arguments) -> None:
        """Send for whatever waits."""
        tasks.reap(celery_queue)

    return reap


FORMER_REAPS = {
    "inference.tasks.reap": INFERENCE,
    "readerstudy.cohorts.tasks.reap": IMPORTS,
    "analysis.tasks.reap": ANALYSIS,
    "analysis.tasks.draw": ANALYSIS,
    "readerstudy.handover.tasks.make": ANALYSIS,
    "readerstudy.handover.tasks.reap": ANALYSIS,
}
for _name, _queue in FORMER_REAPS.items():
    app.task(_reap(_queue), name=_name)
