"""Bundles requested in the browser, as jobs: the web process never writes a bundle itself."""

from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import transaction

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.exchange.bundles.study_models import EXPORTED
from readerstudy.exchange.errors import ExchangeError
from readerstudy.exchange.models import StudyExport
from readerstudy.jobs import dispatch, kinds
from readerstudy.jobs.broker import ANALYSIS
from readerstudy.jobs.errors import JobFailed
from readerstudy.jobs.queue import Queue
from readerstudy.jobs.retry_policy import Limits
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action, may

State = StudyExport.State


class ExportQueue(Queue[StudyExport]):
    died = "The export process stopped unexpectedly. Request the bundle again."
    hung = "The export hung and was ended at its deadline. Request the bundle again."


KIND = kinds.register(
    kinds.Kind(
        name="export",
        queue=ExportQueue(
            StudyExport,
            limits=Limits("ANALYSIS", max_attempts=1),
            related=("study", "asked_by"),
        ),
        celery_queue=ANALYSIS,
        run="readerstudy.exchange.bundles.export_queue:run",
    )
)


def may_export(user: User, study: Study) -> bool:
    """Whether this person may take a study's bundle away, once it is unblinded."""
    return user.is_active and may(user, Action.EXPORT, study)


@transaction.atomic
def request_export(
    study: Study,
    *,
    by: User,
    with_images: bool,
    with_names: bool,
    if_undelivered: Callable[[], object] = lambda: None,
) -> StudyExport:
    """Queue an export, and have it made once this is committed; one under way is returned.

    ``if_undelivered`` is called if it waits for the broker to be back. Raises ExchangeError before
    the unblinding.
    """
    KIND.queue.reap()
    study = Study.objects.select_for_update().get(pk=study.pk)  # two clicks, one after the other
    if not study.is_unsealed:
        raise ExchangeError("A study can be exported here once it is unblinded.")
    wanted = {"with_images": with_images, "with_names": with_names}
    waiting = StudyExport.objects.filter(study=study, state__in=[State.QUEUED, State.RUNNING])
    if found := waiting.filter(**wanted).first():
        return found
    export = StudyExport.objects.create(study=study, asked_by=by, **wanted)
    record(
        f"{EXPORTED}_ask", actor=by.get_username(), study=study.slug, target=str(export),
        detail=wanted,
    )  # fmt: skip
    dispatch.dispatch_on_commit(KIND, [export.pk], if_undelivered=if_undelivered)
    return export


def run(jobs: list[StudyExport]) -> None:
    """Make one bundle. Raises JobFailed."""
    [export] = jobs
    path = _path(_name(export))
    try:
        digest = _write_bundle(export, path)
    except ExchangeError as refused:
        raise JobFailed(str(refused)) from None
    written = {"file": path.name, "sha256": digest, "size": path.stat().st_size}
    if KIND.queue.finish(export, **written):
        _remove_former(export)
    else:  # given up for lost meanwhile
        path.unlink(missing_ok=True)


def path_of_bundle(export: StudyExport) -> Path | None:
    """Where a bundle lies; None where it is not there (any more)."""
    path = _path(export.file) if export.file else None
    return path if path and path.is_file() else None


def _write_bundle(export: StudyExport, path: Path) -> str:
    from readerstudy.exchange.bundles.study_export import (  # which the web has no use for
        ExportOptions,
        export_study,
    )

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
    path.unlink(missing_ok=True)  # of an attempt that ended before its row said so
    options = ExportOptions(with_images=export.with_images, with_names=export.with_names)
    if not export.study.is_unsealed or not may_export(export.asked_by, export.study):
        raise ExchangeError("The person who requested it may not export this study.")
    return export_study(export.study, path, options=options, by=export.asked_by.get_username())


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left: files that no row names, or whose row is none's."""
    names = set(StudyExport.objects.exclude(file="").values_list("file", flat=True))
    running = StudyExport.objects.filter(state=State.RUNNING).select_related("study")
    names |= {name for each in running for name in (_name(each), f".{_name(each)}.part")}
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink(missing_ok=True)


def _remove_former(export: StudyExport) -> None:
    for former in StudyExport.objects.filter(study=export.study, pk__lt=export.pk).exclude(file=""):
        _path(former.file).unlink(missing_ok=True)
        StudyExport.objects.filter(pk=former.pk).update(file="")


def _name(export: StudyExport) -> str:
    return f"{export.study.slug}-{export.pk}.zip"


def _path(name: str) -> Path:
    return Path(settings.EXPORTS_ROOT) / name
