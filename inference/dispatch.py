"""Get queued jobs run: by Celery where a broker is configured, else by a child process.

Without a broker the child is ``manage.py infer``, which empties the queue and ends. The web
process itself never imports torch.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from readerstudy.background import start_command


def dispatch_on_commit(job_ids: Iterable[int]) -> None:
    """Have these jobs run once the current transaction is committed."""
    ids = list(job_ids)
    if ids:
        transaction.on_commit(lambda: _dispatch(ids))


def _dispatch(job_ids: list[int]) -> None:
    if settings.CELERY_BROKER_URL:
        from inference.tasks import send

        send(job_ids)
    else:
        start_child()


def start_child() -> None:
    """Start a process that empties the queue and ends."""
    start_command("infer")
