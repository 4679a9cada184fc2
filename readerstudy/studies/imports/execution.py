"""What the worker does with an import: the dry run, or the import itself."""

import time
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType

from readerstudy.database_outages import outage
from readerstudy.imaging import ImportRefused
from readerstudy.jobs.errors import JobFailed, JobLost
from readerstudy.studies.file_staging import clear_leftovers
from readerstudy.studies.imports import cases, queue, source_storage, truth
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.screening import importing as screening

Kind = ImportJob.Kind
PROGRESS_EVERY = 0.5  # seconds

# Each checks a source (a Found), and stores it in a transaction of its own that ends with finish().
_DOERS: dict[str, ModuleType] = {
    Kind.CASES_WITH_TRUTH: cases,
    Kind.CASES: cases,
    Kind.TRUTH: truth,
    Kind.SCREENING: screening,
}


def run(jobs: list[ImportJob]) -> None:
    """Do the step that an import waits for. Raises JobFailed, JobLost."""
    [job] = jobs
    try:
        _do(job)
    except JobLost:
        raise
    except Exception as error:
        if outage(error):
            raise
        # Without the error's text, which may hold what stands in the source.
        name = type(error).__name__
        reason = f"An error occurred on the server ({name}). Nothing was imported."
        raise JobFailed(reason) from error


def _do(job: ImportJob) -> None:
    doer = _DOERS[job.kind]
    clear_leftovers()
    try:
        with source_storage.open_source_of(job) as source:
            if message := doer.already_imported_message(job, source):
                queue.finish_already_imported(job, sha256=source.sha256(), reason=message)
            elif job.state == queue.State.CHECKING:
                found = doer.check(job, source, _progress(job))
                queue.store_dry_run(job, found, sha256=source.sha256())
            else:
                queue.require_no_reader(job.study, job.confirmed_by)
                doer.store(job, source, _progress(job), finish=_finish(job, source))
                source_storage.discard(job)
    except queue.ImportNotPossible as refusal:
        queue.store_problems(job, queue.refusal(str(refusal)).problems)
    except ImportRefused as refusal:
        queue.store_problems(job, refusal.problems)


def _finish(job: ImportJob, source: source_storage.DigestingSource) -> Callable[[int], None]:
    def finish(rows: int) -> None:
        sha256 = source.sha256()
        if sha256 != job.sha256:
            text = "the source has changed since the dry run; start a new import"
            raise queue.refusal(text, file=job.label)
        queue.finish(job, sha256=sha256, rows=rows)

    return finish


def _progress(job: ImportJob) -> Callable[[list], Iterable]:
    """What wraps a list of rows, so that the job's row tells how many are done."""

    def each(rows: list) -> Iterator:
        last = 0.0
        for done, row in enumerate(rows):
            if time.monotonic() - last > PROGRESS_EVERY:
                queue.note_progress(job, progress=done, rows=len(rows))
                last = time.monotonic()
            yield row

    return each
