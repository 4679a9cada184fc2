"""The files of runs as jobs: requested, listed, made, looked up.

A set is queued as its run ends, or when somebody asks for a file that is not there: of an older
run, after an upgrade, or lost from the disk. ``make_run_files`` makes them, in a worker; here, in
the web process, nothing is drawn.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction

from analysis import canonical, run_page_registry, stored_files
from analysis.models import AnalysisRun, FileSet, RunFile
from analysis.run_file_names import PAGES, page_name
from readerstudy.jobs import dispatch, kinds
from readerstudy.jobs.broker import ANALYSIS
from readerstudy.jobs.queue import Queue
from readerstudy.jobs.retry_policy import Limits

State = FileSet.State
MAX_ATTEMPTS = 3  # to make a file, in processes that then died
HERE = Path(__file__).parent
DRAWING = (
    HERE,
    settings.BASE_DIR / "templates/analysis",
    settings.BASE_DIR / "readerstudy/diagnosis.py",
)
LIBRARIES = ("matplotlib", "django", "xlsxwriter", "numpy")
KIND = kinds.register(
    kinds.Kind(
        name="run-files",
        # Attempts without a file that was made; how often one file is begun is bounded for itself.
        queue=Queue(
            FileSet,
            limits=Limits("ANALYSIS", max_attempts=MAX_ATTEMPTS),
            related=("run__study__protocol",),
        ),
        celery_queue=ANALYSIS,
        run="analysis.make_run_files:run",
    )
)


@dataclass(frozen=True)
class Progress:
    """How far the files of a run are; ``total`` is 0 until they are listed.

    ``has_page``: what the run's page shows is there.
    """

    total: int
    done: int
    failed: list[RunFile]
    has_page: bool
    reason: str

    @property
    def is_under_way(self) -> bool:
        """Whether there is something to wait for."""
        return not self.reason and (not self.total or self.done + len(self.failed) < self.total)


def file_set_key(run: AnalysisRun) -> str:
    """A digest of all that is printed on a run's files, and of what draws them."""
    printed = [run.study.title, run.study.slug, run.number, run.planned, run.plan_sha256,
               run.data_sha256, run.results_sha256, run.code_version, run.libraries]  # fmt: skip
    return canonical.sha256(canonical.to_json([*printed, _making_code(run.study.slug)]))


@cache
def _making_code(slug: str) -> str:
    """A digest of the code that draws a study's files, and of the libraries it draws with."""
    digest = hashlib.sha256(canonical.to_json([version(name) for name in LIBRARIES]).encode())
    page = run_page_registry.page_for(slug)
    for place in (*DRAWING, *(page.drawn_by if page else ())):
        files = [place] if place.is_file() else sorted(place.rglob("*.*"))
        for file in files:
            if file.suffix != ".pyc":
                digest.update(file.read_bytes())
    return digest.hexdigest()


def queue(run: AnalysisRun, *, failed_too: bool = False) -> tuple[FileSet, bool]:
    """The set of a run's files, which are there or wait to be made; whether they wait from now on,
    so that a worker must be sent for."""
    files, is_new = _row_of(run)
    if failed_too:
        is_new |= _make_again(files, files.files.filter(state=RunFile.State.FAILED))
    if files.state == State.DONE:
        stored = files.files.filter(state=RunFile.State.DONE)
        is_new |= _make_again(files, stored_files.lost_rows(run, stored))
    return files, is_new


def progress(run: AnalysisRun) -> Progress:
    """How far a run's files are; what is not there is being made from now on."""
    files, is_new = queue(run)
    if is_new:
        _send_for(files)
    elif files.is_under_way:
        dispatch.look_after(KIND)
    files.refresh_from_db()
    done = files.files.filter(state=RunFile.State.DONE)
    return Progress(
        total=files.total,
        done=done.count(),
        failed=list(files.files.filter(state=RunFile.State.FAILED)),
        has_page=done.filter(name=page_name(1)).exists(),
        reason=files.reason if files.state == State.FAILED else "",
    )


def look_up(run: AnalysisRun, name: str) -> tuple[RunFile | None, BinaryIO | None]:
    """The row of a run's file, and the file, open; None for either that is not there yet.

    A file that is not there is being made from now on, unless it has failed. Raises KeyError for a
    name that the run has no file of.
    """
    files, is_new = _row_of(run)
    row = file = None
    if files.total:
        row = files.files.filter(name=name).first()
        if row is None:
            raise KeyError(name)
        if row.state == RunFile.State.DONE:
            file = stored_files.open_stored(run, row)
            is_new |= file is None and _make_again(files, [row])
    if is_new:
        _send_for(files)
    return row, file


def page_count(run: AnalysisRun) -> int:
    """How many pages of readers the run's page has; 0 until the files are listed."""
    pages = RunFile.objects.filter(file_set__run=run, file_set__key=file_set_key(run))
    return pages.filter(name__startswith=PAGES).count()


def try_again(run: AnalysisRun) -> None:
    """Have made what could not be made."""
    files, is_new = queue(run, failed_too=True)
    if is_new:
        _send_for(files)


def _row_of(run: AnalysisRun) -> tuple[FileSet, bool]:
    """The set of a run's files, and whether it is new."""
    return FileSet.objects.get_or_create(run=run, key=file_set_key(run))


@transaction.atomic
def _make_again(files: FileSet, rows: Iterable[RunFile]) -> bool:
    """Have these files of a set made once more; whether a worker must be sent for."""
    numbers = [row.pk for row in rows]
    if not numbers and files.state != State.FAILED:
        return False
    files.files.filter(pk__in=numbers).exclude(state=RunFile.State.WAITING).update(
        state=RunFile.State.WAITING, attempts=0, reason=""
    )
    return bool(KIND.queue.queue_again(FileSet.objects.filter(pk=files.pk)))


def _send_for(files: FileSet) -> None:
    dispatch.dispatch_on_commit(KIND, [files.pk])


@transaction.atomic
def list_files(files: FileSet, names: list[str]) -> None:
    """Store which files there are to be, in the order in which they are made."""
    RunFile.objects.bulk_create([RunFile(file_set=files, name=name) for name in names])
    files.total = len(names)
    FileSet.objects.filter(pk=files.pk).update(total=files.total)


@transaction.atomic
def finish(files: FileSet) -> None:
    """End the job, if no file waits again meanwhile; what former versions had made goes."""
    if files.files.filter(state=RunFile.State.WAITING).exists():
        KIND.queue.put_back([files], reason="")
        return
    if not KIND.queue.finish(files):
        return
    if files.files.filter(state=RunFile.State.WAITING).exists():  # since a moment ago
        KIND.queue.queue_again(FileSet.objects.filter(pk=files.pk))
        return
    former = FileSet.objects.filter(run=files.run_id).exclude(pk=files.pk)
    RunFile.objects.filter(file_set__in=former).delete()
    former.delete()
    stored = list(files.files.filter(state=RunFile.State.DONE))
    transaction.on_commit(lambda: stored_files.remove_others(files.run, stored))
