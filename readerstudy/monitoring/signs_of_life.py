"""A worker's or beat's signs of life: a row and a file, renewed by a thread while it works.

A worker of one process does nothing else while a job runs, so Celery's own heartbeats cease; and a
container is asked whether it is healthy by a command that should not have to load the site.
"""

import logging
import threading
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone

from readerstudy.code_version import code_version
from readerstudy.database_outages import outage
from readerstudy.monitoring.models import BackgroundProcess

log = logging.getLogger(__name__)
SECONDS = 15.0
_stop = threading.Event()


def begin(name: str, role: str, *, queues: tuple[str, ...] = ()) -> None:
    """Give signs of life from now on, until `end` or the end of this process."""
    now = timezone.now()
    process = {"role": role, "queues": ",".join(queues), "version": code_version()[:60]}
    process |= {"started_at": now}
    _stop.clear()
    threading.Thread(target=_go_on, args=[name, process], daemon=True, name="sign-of-life").start()


def end(name: str) -> None:
    """The process ends as it was told to: nobody waits for it."""
    _stop.set()
    try:
        BackgroundProcess.objects.filter(name=name).delete()
    except DatabaseError as error:
        log.warning("The end of %s was not written", name, exc_info=not outage(error))


def _go_on(name: str, process: dict[str, object]) -> None:
    while True:
        _touch()
        close_old_connections()
        try:
            values = process | {"seen_at": timezone.now()}
            BackgroundProcess.objects.update_or_create(name=name, defaults=values)
        except DatabaseError as error:
            log.warning("A sign of life was not written", exc_info=not outage(error))
        if _stop.wait(SECONDS):
            break
    connection.close()


def _touch() -> None:
    if settings.SIGN_OF_LIFE_FILE:
        Path(settings.SIGN_OF_LIFE_FILE).touch()
