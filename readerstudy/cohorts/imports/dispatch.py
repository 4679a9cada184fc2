"""Get a waiting import worked off: by Celery where a broker is configured, else by a child process.

The web process itself decodes no image. The child is ``manage.py run_imports``, which works off
all that wait and ends.
"""

from django.conf import settings
from django.db import transaction

from readerstudy.background import start_command
from readerstudy.cohorts.imports.models import ImportJob


def dispatch_on_commit(job: ImportJob) -> None:
    """Have this job worked off once the current transaction is committed."""
    transaction.on_commit(lambda: dispatch(job.pk))


def dispatch(job_id: int) -> None:
    """Have this job worked off now."""
    if settings.CELERY_BROKER_URL:
        from readerstudy.cohorts.tasks import work

        work.delay(job_id)
    else:
        start_child()


def start_child() -> None:
    """Start a process that works off all waiting imports and ends."""
    start_command("run_imports")
