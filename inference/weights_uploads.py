"""Weights files uploaded in the browser, as jobs: a worker checks each and registers it."""

import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction

from inference import model_registration
from inference.clahdm.weights_card import WeightsError
from inference.models import WeightsUpload
from readerstudy.accounts.models import User
from readerstudy.jobs import dispatch, kinds
from readerstudy.jobs.broker import IMPORTS
from readerstudy.jobs.errors import JobFailed, JobLost, TryLater
from readerstudy.jobs.queue import Queue, ReapedJobs
from readerstudy.jobs.retry_policy import Limits

FOLDER = "incoming-weights"
NEW_SECONDS = 3600  # an upload without a row may be that young: its row is being written
REGISTERED = "This name and version, or these weights, are already registered."


class WeightsQueue(Queue[WeightsUpload]):
    died = "The worker died each time it checked this file; it may be damaged or too large."
    hung = "Checking this file took too long each time."

    def on_failed(self, job: WeightsUpload, *, reason: str) -> None:
        transaction.on_commit(lambda: _path(job).unlink(missing_ok=True))

    def reap(self) -> ReapedJobs:
        """Files whose process was killed before a row named them are removed, too."""
        reaped = super().reap()
        wanted = set(self.model.objects.filter(state__in=("queued", "running")).values_list("path"))
        for path in (Path(settings.MEDIA_ROOT) / FOLDER).glob("*"):
            with suppress(FileNotFoundError):  # somebody else removed it
                is_old = time.time() - path.stat().st_mtime > NEW_SECONDS
                if is_old and (f"{FOLDER}/{path.name}",) not in wanted:
                    path.unlink()
        return reaped


KIND = kinds.register(
    kinds.Kind(
        name="weights",
        queue=WeightsQueue(WeightsUpload, limits=Limits("IMPORT"), related=("created_by",)),
        celery_queue=IMPORTS,
        run="inference.weights_uploads:run",
    )
)


def request_registration(
    upload: Path,
    *,
    name: str,
    version: str,
    label: str,
    by: User,
    if_undelivered: Callable[[], object] = lambda: None,
) -> WeightsUpload:
    """Keep an uploaded file, and have it checked and registered by a worker.

    ``label`` is the file's own name. ``if_undelivered`` is called if it waits for the broker.
    """
    kept = f"{FOLDER}/{secrets.token_hex(16)}.safetensors"
    path = Path(settings.MEDIA_ROOT) / kept
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.move(upload, path)
    path.chmod(0o600)
    with transaction.atomic():
        job = WeightsUpload.objects.create(
            name=name, version=version, label=label, path=kept, created_by=by
        )
        dispatch.dispatch_on_commit(KIND, [job.pk], if_undelivered=if_undelivered)
    return job


def run(jobs: list[WeightsUpload]) -> None:
    """Check an uploaded file, and register it. Raises JobFailed, JobLost, TryLater."""
    [job] = jobs
    if not _path(job).is_file():
        raise TryLater("The uploaded file can't be read.", counts_as_strike=True)
    try:
        checked = model_registration.check_weights(_path(job))
        with transaction.atomic():
            registered = model_registration.register(
                name=job.name,
                version=job.version,
                checked=checked,
                by=job.created_by.get_username(),
            )
            if not KIND.queue.finish(job, model_version=registered):
                raise JobLost
    except model_registration.NotChecked as error:
        raise TryLater(f"{error}.", counts_as_strike=True) from None
    except WeightsError as error:
        raise JobFailed(f"Not accepted: {error}.") from None
    except IntegrityError:
        raise JobFailed(REGISTERED) from None
    _path(job).unlink(missing_ok=True)


def _path(job: WeightsUpload) -> Path:
    return Path(settings.MEDIA_ROOT) / job.path
