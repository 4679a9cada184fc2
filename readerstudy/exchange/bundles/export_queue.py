"""Bundles asked for in the browser: queued, claimed, ended. The StudyExport row is the truth.

Celery only carries the word that there is something to do; without a broker a child process,
``manage.py run_exports``, empties the queue and ends. The web process never writes a bundle itself.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.background import heartbeat, send, start_command
from readerstudy.exchange.bundles.study_models import EXPORTED
from readerstudy.exchange.errors import ExchangeError
from readerstudy.exchange.models import StudyExport
from readerstudy.outages import outage, wait_for_database
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action, may

State = StudyExport.State
NO_SIGN = "The export process stopped unexpectedly or never started. Request the bundle again."
log = logging.getLogger("readerstudy.handover.asked")


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
    study = Study.objects.select_for_update().get(pk=study.pk)  # two clicks, one after the other
    if not study.is_unsealed:
        raise ExchangeError("A study can be exported here once it is unblinded.")
    reap()
    wanted = {"with_images": with_images, "with_names": with_names}
    waiting = StudyExport.objects.filter(study=study, state__in=[State.QUEUED, State.RUNNING])
    if found := waiting.filter(**wanted).first():
        return found
    export = StudyExport.objects.create(study=study, asked_by=by, **wanted)
    record(
        f"{EXPORTED}_ask", actor=by.get_username(), study=study.slug, target=str(export),
        detail=wanted,
    )  # fmt: skip
    transaction.on_commit(lambda: dispatch() or if_undelivered())
    return export


def dispatch() -> bool:
    """Have the queue emptied; False if it waits for the broker to be back."""
    if settings.CELERY_BROKER_URL:
        from readerstudy.exchange.tasks import make

        return send(make, [()])
    start_child()
    return True


def start_child() -> None:
    """Start a process that empties the queue and ends."""
    start_command("run_exports")


def run_waiting_exports() -> None:
    """Make every bundle that waits."""
    for pk in (
        StudyExport.objects.filter(state=State.QUEUED).order_by("pk").values_list("pk", flat=True)
    ):
        run_export(pk)


def run_export(pk: int) -> None:
    """Make one bundle, if nobody else does."""
    now = timezone.now()
    claimed = StudyExport.objects.filter(pk=pk, state=State.QUEUED).update(
        state=State.RUNNING, heartbeat_at=now
    )
    if not claimed:
        return
    export = StudyExport.objects.select_related("study", "asked_by").get(pk=pk)
    path = _path(_name(export))
    try:
        with heartbeat(lambda: _beat(export), every=settings.ANALYSIS_HEARTBEAT_SECONDS):
            digest = _write_bundle(export, path)
    except (KeyboardInterrupt, SystemExit):
        _end(
            export,
            state=State.FAILED,
            reason="The export was interrupted. Request the bundle again.",
        )
        raise
    except Exception as error:
        log.exception("%s", export)
        reason = (
            str(error) if isinstance(error, ExchangeError) else f"{type(error).__name__}: {error}"
        )
        if found := outage(error):
            reason = f"{found.title}. Request the bundle again."
            wait_for_database()
        _end(export, state=State.FAILED, reason=reason)
        return
    written = {"file": path.name, "sha256": digest, "size": path.stat().st_size}
    if _end(export, state=State.DONE, **written):
        _remove_former(export)
    else:  # given up for lost meanwhile
        path.unlink(missing_ok=True)


def path_of_bundle(export: StudyExport) -> Path | None:
    """Where a bundle lies; None where it is not there (any more)."""
    path = _path(export.file) if export.file else None
    return path if path and path.is_file() else None


def reap() -> None:
    """End exports whose process gives no sign of life."""
    lost = timezone.now() - timedelta(seconds=settings.ANALYSIS_STALE_SECONDS)
    silent = Q(state=State.RUNNING, heartbeat_at__lt=lost)
    if not settings.CELERY_BROKER_URL:  # with one, it may wait for as long as the worker is busy
        silent |= Q(state=State.QUEUED, asked_at__lt=lost)
    StudyExport.objects.filter(silent).update(
        state=State.FAILED, finished_at=timezone.now(), reason=NO_SIGN
    )


def _write_bundle(export: StudyExport, path: Path) -> str:
    from readerstudy.exchange.bundles.study_export import (  # which the web has no use for
        ExportOptions,
        export_study,
    )

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
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


def _beat(export: StudyExport) -> None:
    StudyExport.objects.filter(pk=export.pk).update(heartbeat_at=timezone.now())


def _end(export: StudyExport, **fields) -> bool:
    ours = StudyExport.objects.filter(pk=export.pk, state=State.RUNNING)
    return bool(ours.update(finished_at=timezone.now(), **fields))


def _remove_former(export: StudyExport) -> None:
    for former in StudyExport.objects.filter(study=export.study, pk__lt=export.pk).exclude(file=""):
        _path(former.file).unlink(missing_ok=True)
        StudyExport.objects.filter(pk=former.pk).update(file="")


def _name(export: StudyExport) -> str:
    return f"{export.study.slug}-{export.pk}.zip"


def _path(name: str) -> Path:
    return Path(settings.EXPORTS_ROOT) / name
