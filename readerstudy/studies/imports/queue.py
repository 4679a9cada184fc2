"""Imports as jobs: requested, checked, confirmed, imported, or cancelled.

``execution`` does the work; nothing heavy is loaded here.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.imaging import ImportRefused, Problem
from readerstudy.jobs import kinds
from readerstudy.jobs.broker import IMPORTS
from readerstudy.jobs.errors import JobLost
from readerstudy.jobs.queue import Queue, ReapedJobs
from readerstudy.jobs.retry_policy import Limits
from readerstudy.studies.file_staging import clear_leftovers
from readerstudy.studies.imports import source_storage
from readerstudy.studies.imports.dry_run_report import DryRunReport
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Cohort, Study

State = ImportJob.State
KEPT_PROBLEMS = 2000
KEPT_CHARACTERS = 500  # of a problem's message or file name


class ImportQueue(Queue[ImportJob]):
    died = "The worker died each time it ran this import. Nothing was imported."
    hung = "The import hung each time and was ended at its deadline. Nothing was imported."

    def on_failed(self, job: ImportJob, *, reason: str) -> None:
        _record("import.failed", job, refused=True, detail={"reason": reason})
        transaction.on_commit(lambda: source_storage.discard(job))
        transaction.on_commit(clear_leftovers)

    def reap(self) -> ReapedJobs:
        """Dry runs that nobody acted on are cancelled, too, and files that no job needs removed."""
        reaped = super().reap()
        kept_since = timezone.now() - timedelta(days=settings.IMPORT_KEEP_DAYS)
        for job in ImportJob.objects.filter(state=State.CHECKED, checked_at__lt=kept_since):
            cancel(
                job,
                by=None,
                reason="Cancelled because nobody decided within "
                f"{settings.IMPORT_KEEP_DAYS:g} days.",
            )
        source_storage.discard_forgotten()
        return reaped


KIND = kinds.register(
    kinds.Kind(
        name="import",
        queue=ImportQueue(
            ImportJob,
            limits=Limits("IMPORT"),
            related=("study", "cohort__study", "created_by", "confirmed_by"),
        ),
        celery_queue=IMPORTS,
        run="readerstudy.studies.imports.execution:run",
    )
)


class ImportNotPossible(Exception):
    """A step that can't be taken; the text says why."""


def require_no_reader(study: Study, user: User) -> None:
    """Raise ImportNotPossible for a reader of the study, who must not know its cases or their
    truth."""
    if study.reader_set.filter(user=user).exists():
        raise ImportNotPossible(
            f"{user} is a reader of this study. Someone else must import its cases and "
            "reference standards."
        )


@transaction.atomic
def queue_dry_run(
    *,
    study: Study,
    cohort: Cohort | None,
    kind: str,
    label: str,
    path: str,
    is_folder: bool,
    by: User,
) -> ImportJob:
    """Queue a source for its dry run; whoever calls has it dispatched. Raises ImportNotPossible."""
    require_no_reader(study, by)
    if study.state != Study.State.DRAFT:
        raise ImportNotPossible(f"The study is {study.state}. You can import only into a draft.")
    job = ImportJob.objects.create(
        study=study,
        cohort=cohort,
        kind=kind,
        label=label,
        path=path,
        is_folder=is_folder,
        created_by=by,
    )
    _record("import.upload", job, by=by, detail={"kind": kind, "source": label})
    return job


@transaction.atomic
def confirm(job: ImportJob, *, by: User) -> None:
    """Have a clean dry run imported. Raises ImportNotPossible."""
    require_no_reader(job.study, by)
    taken = ImportJob.objects.filter(pk=job.pk, state=State.CHECKED, problem_count=0).update(
        state=State.CONFIRMED,
        confirmed_by=by,
        reason="",
        strikes=0,
        pauses=0,
        progress=0,
        heartbeat_at=timezone.now(),
    )
    if not taken:
        raise ImportNotPossible(
            "You can import only after a dry run without problems, and only once."
        )
    _record("import.confirm", job, by=by, detail={"sha256": job.sha256})


@transaction.atomic
def cancel(job: ImportJob, *, by: User | None, reason: str = "") -> None:
    """End an import before its rows are written. Raises ImportNotPossible."""
    open_to_it = [State.UPLOADED, State.CHECKING, State.CHECKED, State.CONFIRMED]
    taken = ImportJob.objects.filter(pk=job.pk, state__in=open_to_it).update(
        state=State.CANCELLED, finished_at=timezone.now(), reason=reason
    )
    if not taken:
        raise ImportNotPossible("The import is running or has ended.")
    _record("import.cancel", job, by=by, detail={"reason": reason})
    transaction.on_commit(lambda: source_storage.discard(job))


def note_progress(job: ImportJob, *, progress: int, rows: int) -> None:
    """Store how far the job is. Raises JobLost."""
    if not KIND.queue.note_progress(job, progress=progress, rows=rows):
        raise JobLost


@transaction.atomic
def store_dry_run(job: ImportJob, found: DryRunReport, *, sha256: str) -> None:
    """Store a clean dry run. Raises JobLost."""
    sheet = source_storage.keep_sheet(found.sheet) if found.sheet else ""
    ours = KIND.queue.owned(job).update(
        state=State.CHECKED,
        checked_at=timezone.now(),
        rows=found.rows,
        progress=found.rows,
        summary=found.summary,
        truth_summary=found.truth_summary,
        sheet=sheet,
        sha256=sha256,
        reason="",
    )
    if not ours:
        raise JobLost
    _record("import.check", job, detail={"rows": found.rows, "sha256": sha256, "problems": 0})


@transaction.atomic
def store_problems(job: ImportJob, problems: tuple[Problem, ...]) -> None:
    """Store what is wrong. A dry run ends as checked, an import as failed. Raises JobLost."""
    at_check = job.state == State.CHECKING
    kept = [
        [
            text[:KEPT_CHARACTERS].replace("\x00", "\\0") if isinstance(text, str) else text
            for text in (p.message, p.file or job.label, p.row, p.column, p.table)
        ]
        for p in problems[:KEPT_PROBLEMS]
    ]
    now = timezone.now()
    ours = KIND.queue.owned(job).update(
        state=State.CHECKED if at_check else State.FAILED,
        problems=kept,
        problem_count=len(problems),
        checked_at=now if at_check else job.checked_at,
        finished_at=None if at_check else now,
        reason="" if at_check else "It can no longer be imported. Nothing was imported.",
    )
    if not ours:
        raise JobLost
    action = "import.check" if at_check else "import.failed"
    _record(action, job, refused=True, detail={"problems": len(problems)})
    transaction.on_commit(lambda: source_storage.discard(job))


def finish(job: ImportJob, *, sha256: str, rows: int) -> None:
    """Mark done, last of all in the transaction that stores the rows. Raises JobLost."""
    ours = KIND.queue.owned(job).update(
        state=State.DONE,
        finished_at=timezone.now(),
        sha256=sha256,
        rows=rows,
        progress=rows,
        reason="",
    )
    if not ours:
        raise JobLost
    _record("import.done", job, by=job.confirmed_by, detail={"rows": rows, "sha256": sha256})


@transaction.atomic
def finish_already_imported(job: ImportJob, *, sha256: str, reason: str) -> None:
    """End a job whose source was imported before: nothing is left to do. Raises JobLost."""
    ours = KIND.queue.owned(job).update(
        state=State.DONE, finished_at=timezone.now(), sha256=sha256, reason=reason
    )
    if not ours:
        raise JobLost
    _record("import.already_there", job, detail={"sha256": sha256})
    transaction.on_commit(lambda: source_storage.discard(job))


def staging_name(job: ImportJob) -> str:
    """The name under which the job stages its files."""
    return f"job{job.pk}"


def problems_of(job: ImportJob) -> list[Problem]:
    """The problems that were kept: the first ones of all."""
    return [
        Problem(message, file=file, row=row, column=column, table=table)
        for message, file, row, column, table in job.problems
    ]


def refusal(text: str, *, file: str = "") -> ImportRefused:
    """A refusal for one reason."""
    return ImportRefused([Problem(text, file=file)])


def _record(action: str, job: ImportJob, *, by: User | None = None, refused=False, detail=None):
    record(
        action,
        actor=by.get_username() if by else "",
        study=job.study.slug,
        target=f"{job.cohort.name if job.cohort else 'screening'}, import {job.pk}",
        refused=refused,
        detail=detail,
    )
