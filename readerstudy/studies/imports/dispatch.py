"""Get a waiting import worked off: by Celery where a broker is configured, else by a child process.

The web process itself decodes no image. The child is ``manage.py run_imports``, which works off
all that wait and ends.
"""

from collections.abc import Callable

from django.conf import settings
from django.db import transaction

from readerstudy.background import send, start_command
from readerstudy.studies.imports.models import ImportJob


def dispatch_on_commit(
    job: ImportJob, *, if_undelivered: Callable[[], object] = lambda: None
) -> None:
    """Have this job worked off once the current transaction is committed.

    ``if_undelivered`` is called if it waits for the broker to be back.
    """
    transaction.on_commit(lambda: dispatch(job.pk) or if_undelivered())


def dispatch(job_id: int) -> bool:
    """Have this job worked off now; False if it waits for the broker to be back."""
    if settings.CELERY_BROKER_URL:
        from readerstudy.studies.tasks import work

        return send(work, [(job_id,)])
    start_child()
    return True


def start_child() -> None:
    """Start a process that works off all waiting imports and ends."""
    start_command("run_imports")
