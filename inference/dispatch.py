"""Get queued jobs run: by Celery where a broker is configured, else by a child process.

Without a broker the child is ``manage.py infer``, which empties the queue and ends. The web
process itself never imports torch.
"""

from collections.abc import Callable, Iterable

from django.conf import settings
from django.db import transaction

from readerstudy.background import start_command


def dispatch_on_commit(
    job_ids: Iterable[int], *, if_undelivered: Callable[[], object] = lambda: None
) -> None:
    """Have these jobs run once the current transaction is committed.

    ``if_undelivered`` is called if they wait for the broker to be back.
    """
    ids = list(job_ids)
    if ids:
        transaction.on_commit(lambda: _dispatch(ids) or if_undelivered())


def _dispatch(job_ids: list[int]) -> bool:
    if settings.CELERY_BROKER_URL:
        from inference.tasks import send

        return send(job_ids)
    start_child()
    return True


def start_child() -> None:
    """Start a process that empties the queue and ends."""
    start_command("infer")
