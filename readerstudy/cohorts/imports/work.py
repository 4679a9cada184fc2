"""What the worker does with an import: the dry run, or the import itself."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType

from django.conf import settings

from readerstudy.background import beating
from readerstudy.cohorts.imports import cases, incoming, queue, truth
from readerstudy.cohorts.imports.models import ImportJob
from readerstudy.cohorts.ingest import ImportRefused
from readerstudy.cohorts.placing import clear_leftovers
from readerstudy.cohorts.screening import importing as screening

log = logging.getLogger(__name__)

Kind = ImportJob.Kind
TOLD_EVERY = 0.5  # seconds

# Each checks a source (a Found), and stores it in a transaction of its own that ends with finish().
_DOERS: dict[str, ModuleType] = {
    Kind.CASES_WITH_TRUTH: cases,
    Kind.CASES: cases,
    Kind.TRUTH: truth,
    Kind.SCREENING: screening,
}


def run(job_id: int) -> None:
    """Do the step that the job waits for; a message that comes twice finds nothing to do."""
    job = queue.claim(job_id)
    if job is None:
        return
    try:
        with beating(lambda: queue.beat(job), every=settings.IMPORT_HEARTBEAT_SECONDS):
            _do(job)
    except queue.Lost:
        log.warning("%s was taken away from this worker", job)
    except (KeyboardInterrupt, SystemExit):
        queue.put_back(job)
        raise
    except Exception as error:
        log.exception("%s", job)
        reason = (
            f"Something went wrong on the server ({type(error).__name__}). Nothing was written."
        )
        queue.fail(job, reason=reason)


def _do(job: ImportJob) -> None:
    doer = _DOERS[job.kind]
    clear_leftovers(queue.owner(job))
    try:
        with incoming.opened(job) as source:
            if earlier := doer.earlier(job, source):
                queue.already_there(job, sha256=source.sha256(), reason=earlier)
            elif job.state == queue.State.CHECKING:
                found = doer.check(job, source, _told(job))
                queue.checked(job, found, sha256=source.sha256())
            else:
                queue.require_no_reader(job.study, job.confirmed_by)
                doer.store(job, source, _told(job), finish=_finish(job, source))
                incoming.discard(job)
    except queue.NotPossible as refusal:
        queue.refused(job, queue.refusal(str(refusal)).problems)
    except ImportRefused as refusal:
        queue.refused(job, refusal.problems)


def _finish(job: ImportJob, source: incoming.DigestingSource) -> Callable[[int], None]:
    def finish(rows: int) -> None:
        sha256 = source.sha256()
        if sha256 != job.sha256:
            text = "the source is not what it was at the dry run; upload it and check it again"
            raise queue.refusal(text, file=job.label)
        queue.finish(job, sha256=sha256, rows=rows)

    return finish


def _told(job: ImportJob) -> Callable[[list], Iterable]:
    """What wraps a list of rows, so that the job's row tells how many are done."""

    def each(rows: list) -> Iterator:
        last = 0.0
        for done, row in enumerate(rows):
            if time.monotonic() - last > TOLD_EVERY:
                queue.tell(job, progress=done, rows=len(rows))
                last = time.monotonic()
            yield row

    return each
