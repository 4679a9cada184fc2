"""Imports as rows: asked for, claimed, checked, confirmed, ended. The ImportJob row is the truth.

Every step is one conditional UPDATE, so that any number of workers, repeated messages and
clicks do the work once. ``execution`` does the work; nothing heavy is loaded here.
"""

import os
import socket
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.imaging import ImportRefused, Problem
from readerstudy.studies.file_staging import clear_leftovers
from readerstudy.studies.imports import source_storage
from readerstudy.studies.imports.dry_run_report import DryRunReport
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Cohort, Study

State = ImportJob.State
KEPT_PROBLEMS = 2000
KEPT_CHARACTERS = 500  # of a problem's message or file name

_TAKEN_AS = {State.UPLOADED: State.CHECKING, State.CONFIRMED: State.COMMITTING}


class ImportLost(Exception):
    """The job is not this worker's any more: it was cancelled, or given up for dead."""


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
def start(
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
        state=State.CONFIRMED, confirmed_by=by, attempts=0, progress=0, heartbeat_at=timezone.now()
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


def claim(job_id: int) -> ImportJob | None:
    """Take a waiting job for this worker; None when it is not (or no longer) to be done."""
    for waiting, running in _TAKEN_AS.items():
        taken = ImportJob.objects.filter(pk=job_id, state=waiting).update(
            state=running,
            attempts=F("attempts") + 1,
            progress=0,
            heartbeat_at=timezone.now(),
            worker=f"{socket.gethostname()}:{os.getpid()}"[:100],
        )
        if taken:
            related = ("study", "cohort__study", "created_by", "confirmed_by")
            return ImportJob.objects.select_related(*related).get(pk=job_id)
    return None


def _owned(job: ImportJob):
    return ImportJob.objects.filter(pk=job.pk, state=job.state, attempts=job.attempts)


def beat(job: ImportJob) -> bool:
    """Say that the job's process lives; whether the job is still its own."""
    return bool(_owned(job).update(heartbeat_at=timezone.now()))


def beat_waiting(job: ImportJob) -> None:
    """Say that a process is started for a waiting job, so that no second one is at once."""
    ImportJob.objects.filter(pk=job.pk, state__in=list(_TAKEN_AS)).update(
        heartbeat_at=timezone.now()
    )


def note_progress(job: ImportJob, *, progress: int, rows: int) -> None:
    """Store how far the job is. Raises ImportLost."""
    ours = _owned(job).update(progress=progress, rows=rows, heartbeat_at=timezone.now())
    if not ours:
        raise ImportLost


@transaction.atomic
def store_dry_run(job: ImportJob, found: DryRunReport, *, sha256: str) -> None:
    """Store a clean dry run. Raises ImportLost."""
    sheet = source_storage.keep_sheet(found.sheet) if found.sheet else ""
    ours = _owned(job).update(
        state=State.CHECKED,
        checked_at=timezone.now(),
        rows=found.rows,
        progress=found.rows,
        summary=found.summary,
        truth_summary=found.truth_summary,
        sheet=sheet,
        sha256=sha256,
    )
    if not ours:
        raise ImportLost
    _record("import.check", job, detail={"rows": found.rows, "sha256": sha256, "problems": 0})


@transaction.atomic
def store_problems(job: ImportJob, problems: tuple[Problem, ...]) -> None:
    """Store what is wrong. A dry run ends as checked, an import as failed. Raises ImportLost."""
    at_check = job.state == State.CHECKING
    kept = [
        [
            text[:KEPT_CHARACTERS].replace("\x00", "\\0") if isinstance(text, str) else text
            for text in (p.message, p.file or job.label, p.row, p.column, p.table)
        ]
        for p in problems[:KEPT_PROBLEMS]
    ]
    now = timezone.now()
    ours = _owned(job).update(
        state=State.CHECKED if at_check else State.FAILED,
        problems=kept,
        problem_count=len(problems),
        checked_at=now if at_check else job.checked_at,
        finished_at=None if at_check else now,
        reason="" if at_check else "It can no longer be imported. Nothing was imported.",
    )
    if not ours:
        raise ImportLost
    action = "import.check" if at_check else "import.failed"
    _record(action, job, refused=True, detail={"problems": len(problems)})
    transaction.on_commit(lambda: source_storage.discard(job))


def finish(job: ImportJob, *, sha256: str, rows: int) -> None:
    """Mark done, last of all in the transaction that stores the rows. Raises ImportLost."""
    ours = _owned(job).update(
        state=State.DONE, finished_at=timezone.now(), sha256=sha256, rows=rows, progress=rows
    )
    if not ours:
        raise ImportLost
    _record("import.done", job, by=job.confirmed_by, detail={"rows": rows, "sha256": sha256})


@transaction.atomic
def finish_already_imported(job: ImportJob, *, sha256: str, reason: str) -> None:
    """End a job whose source was imported before: nothing is left to do. Raises ImportLost."""
    ours = _owned(job).update(
        state=State.DONE, finished_at=timezone.now(), sha256=sha256, reason=reason
    )
    if not ours:
        raise ImportLost
    _record("import.already_there", job, detail={"sha256": sha256})
    transaction.on_commit(lambda: source_storage.discard(job))


@transaction.atomic
def fail(job: ImportJob, *, reason: str) -> None:
    """End the job as failed, if it is still where it was seen."""
    seen = _owned(job).update(state=State.FAILED, finished_at=timezone.now(), reason=reason)
    if seen:
        _record("import.failed", job, refused=True, detail={"reason": reason})
        transaction.on_commit(lambda: source_storage.discard(job))


def put_back(job: ImportJob) -> None:
    """Queue a job again as if it had not been claimed: its worker was told to stop, or
    could not reach the database."""
    waiting = {running: waiting for waiting, running in _TAKEN_AS.items()}[job.state]
    _owned(job).update(state=waiting, attempts=job.attempts - 1)


def reap() -> None:
    """Queue again what a dead worker held; past the cap it ends as failed.

    Dry runs that nobody acted on are cancelled, and files that no job needs are removed.
    """
    now = timezone.now()
    stale = now - timedelta(seconds=settings.IMPORT_STALE_SECONDS)
    for waiting, running in _TAKEN_AS.items():
        for job in ImportJob.objects.filter(state=running, heartbeat_at__lt=stale):
            if job.attempts >= settings.IMPORT_MAX_ATTEMPTS:
                fail(
                    job,
                    reason="The worker died each time it ran this import. Nothing was imported.",
                )
                clear_leftovers()
            else:
                silent = _owned(job).filter(heartbeat_at__lt=stale)
                silent.update(state=waiting, heartbeat_at=now)
    forgotten = ImportJob.objects.filter(
        state=State.CHECKED, checked_at__lt=now - timedelta(days=settings.IMPORT_KEEP_DAYS)
    )
    for job in forgotten:
        cancel(
            job,
            by=None,
            reason=f"Cancelled because nobody decided within {settings.IMPORT_KEEP_DAYS:g} days.",
        )
    source_storage.discard_forgotten()


def waiting() -> list[int]:
    """The ids of all waiting jobs, oldest first."""
    queued = ImportJob.objects.filter(state__in=list(_TAKEN_AS)).order_by("pk")
    return list(queued.values_list("pk", flat=True))


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
