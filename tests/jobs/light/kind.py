"""The light kind: what its jobs may do to themselves and to their worker."""

import errno
import os
import signal
import time
from pathlib import Path

from django.conf import settings
from django.db.models import F, Q

from readerstudy.jobs import kinds
from readerstudy.jobs.broker import IMPORTS
from readerstudy.jobs.errors import JobFailed, TryLater, WorkerBroken
from readerstudy.jobs.queue import Queue
from readerstudy.jobs.retry_policy import Limits
from tests.jobs.light.models import LightJob

KIND = kinds.register(
    kinds.Kind(
        name="light",
        queue=Queue(LightJob, limits=Limits("IMPORT")),
        celery_queue=IMPORTS,
        run="tests.jobs.light.kind:run",
    )
)
CAUSE = Path(settings.VAR_DIR) / "cause"
"""While this file is there, what jobs that "meet" it need is away."""


def run(jobs: list[LightJob]) -> None:
    """Do what the jobs say, in turn, and count how often each was done."""
    for job in jobs:
        words = job.does.split()
        _do(words[min(job.attempts, len(words)) - 1])
        KIND.queue.finish(job, results=F("results") + 1)


def _do(word: str) -> None:
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "hang":
        time.sleep(3600)
    elif word == "wait":
        time.sleep(1.5)
    elif word == "fail":
        raise JobFailed("It said so.")
    elif word == "err":
        raise RuntimeError("unforeseen")
    elif word == "passing":
        raise TryLater("It may pass.", counts_as_strike=True)
    elif word == "break":
        raise WorkerBroken("The device is of no more use to this process.")
    elif word == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    elif word == "meet" and CAUSE.exists():
        raise TryLater("It is away.", cause="away", others=Q(does="meet"))
