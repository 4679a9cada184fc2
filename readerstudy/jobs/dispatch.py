"""Get queued jobs run: by Celery where a broker is configured, else by a child process.

The web process itself runs none: a request would be held up, and torch or SciPy loaded into every
web worker. The child is ``manage.py run_jobs KIND``, which empties the kind's queue and ends.
"""

import subprocess
import sys
from collections.abc import Callable, Iterable

from django.conf import settings
from django.db import transaction

from readerstudy.jobs import broker
from readerstudy.jobs.kinds import Kind


def dispatch_on_commit(
    kind: Kind, job_ids: Iterable[int], *, if_undelivered: Callable[[], object] = lambda: None
) -> None:
    """Have these jobs run once the current transaction is committed.

    ``if_undelivered`` is called if they wait for the broker to be back.
    """
    if ids := list(job_ids):
        transaction.on_commit(lambda: dispatch(kind, ids) or if_undelivered())


def dispatch(kind: Kind, job_ids: Iterable[int]) -> bool:
    """Have these jobs run now; False if they wait for the broker to be back."""
    if settings.CELERY_BROKER_URL:
        from readerstudy.jobs.tasks import run

        calls = [(kind.name, batch) for batch in kind.queue.batches(job_ids)]
        return broker.send(run, calls, queue=kind.celery_queue)
    start_child(kind.name)
    return True


def look_after(kind: Kind) -> None:
    """Bring back what dead workers held, and without a broker start a process for what waits in
    vain. There nobody else does, so whatever page shows jobs that are under way calls this."""
    again = kind.queue.reap().again if kind.queue.has_lost() else []
    if not settings.CELERY_BROKER_URL:
        again += kind.queue.take_forgotten()
    if again:
        dispatch(kind, again)


def start_child(kind: str) -> None:
    """Start a process, which outlives this one, that empties the queue of a kind and ends."""
    subprocess.Popen(  # noqa: S603 (our own interpreter and command, no outside input)
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_jobs", kind],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
