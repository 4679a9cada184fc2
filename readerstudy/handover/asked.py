"""Bundles asked for in the browser: queued, claimed, ended. The StudyExport row is the truth.

Celery only carries the word that there is something to do; without a broker a child process,
``manage.py run_exports``, empties the queue and ends. The web process never writes a bundle itself.
"""

import logging
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.background import beating, start_command
from readerstudy.cohorts.models import Study
from readerstudy.cohorts.roles import Action, may
from readerstudy.handover.exporting import Options, export_study, is_unsealed
from readerstudy.handover.models import StudyExport
from readerstudy.handover.parts import EXPORTED
from readerstudy.handover.problems import Refused

State = StudyExport.State
NO_SIGN = "Its process ended without a word, or never began. Ask for it again."
log = logging.getLogger(__name__)


def may_export(user: User, study: Study) -> bool:
    """Whether this person may take a study's bundle away, once it is unblinded."""
    return user.is_active and may(user, Action.EXPORT, study)


@transaction.atomic
def ask(study: Study, *, by: User, with_images: bool, with_names: bool) -> StudyExport:
    """Queue an export, and have it made once this is committed; one under way is returned.

    Raises Refused before the unblinding.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)  # two clicks, one after the other
    if not is_unsealed(study):
        raise Refused("A study is exported here once it is unblinded.")
    reap()
    wanted = {"with_images": with_images, "with_names": with_names}
    waiting = StudyExport.objects.filter(study=study, state__in=[State.QUEUED, State.RUNNING])
    if found := waiting.filter(**wanted).first():
        return found
    asked = StudyExport.objects.create(study=study, asked_by=by, **wanted)
    record(
        f"{EXPORTED}_ask", actor=by.get_username(), study=study.slug, target=str(asked),
        detail=wanted,
    )  # fmt: skip
    transaction.on_commit(dispatch)
    return asked


def dispatch() -> None:
    """Have the queue emptied."""
    if settings.CELERY_BROKER_URL:
        from readerstudy.handover.tasks import make

        make.delay()
    else:
        start_child()


def start_child() -> None:
    """Start a process that empties the queue and ends."""
    start_command("run_exports")


def make_all() -> None:
    """Make every bundle that waits."""
    for pk in (
        StudyExport.objects.filter(state=State.QUEUED).order_by("pk").values_list("pk", flat=True)
    ):
        make(pk)


def make(pk: int) -> None:
    """Make one bundle, if nobody else does."""
    now = timezone.now()
    claimed = StudyExport.objects.filter(pk=pk, state=State.QUEUED).update(
        state=State.RUNNING, heartbeat_at=now
    )
    if not claimed:
        return
    asked = StudyExport.objects.select_related("study", "asked_by").get(pk=pk)
    path = _path(f"{asked.study.slug}-{asked.pk}.zip")
    try:
        with beating(lambda: _beat(asked), every=settings.ANALYSIS_HEARTBEAT_SECONDS):
            digest = _make(asked, path)
    except (KeyboardInterrupt, SystemExit):
        _end(asked, state=State.FAILED, reason="It was interrupted. Ask for it again.")
        raise
    except Exception as error:
        log.exception("%s", asked)
        said = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
        _end(asked, state=State.FAILED, reason=said)
        return
    told = {"file": path.name, "sha256": digest, "size": path.stat().st_size}
    if _end(asked, state=State.DONE, **told):
        _remove_former(asked)
    else:  # given up for lost meanwhile
        path.unlink(missing_ok=True)


def file_of(asked: StudyExport) -> Path | None:
    """Where a bundle lies; None where it is not there (any more)."""
    path = _path(asked.file) if asked.file else None
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


def _make(asked: StudyExport, path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    options = Options(with_images=asked.with_images, with_names=asked.with_names)
    if not is_unsealed(asked.study) or not may_export(asked.asked_by, asked.study):
        raise Refused("Whoever asked for it may not export this study.")
    return export_study(asked.study, path, options=options, by=asked.asked_by.get_username())


def _beat(asked: StudyExport) -> None:
    StudyExport.objects.filter(pk=asked.pk).update(heartbeat_at=timezone.now())


def _end(asked: StudyExport, **told) -> bool:
    ours = StudyExport.objects.filter(pk=asked.pk, state=State.RUNNING)
    return bool(ours.update(finished_at=timezone.now(), **told))


def _remove_former(asked: StudyExport) -> None:
    for former in StudyExport.objects.filter(study=asked.study, pk__lt=asked.pk).exclude(file=""):
        _path(former.file).unlink(missing_ok=True)
        StudyExport.objects.filter(pk=former.pk).update(file="")


def _path(name: str) -> Path:
    return Path(settings.EXPORTS_ROOT) / name
