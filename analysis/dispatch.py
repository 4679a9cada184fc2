"""Get a queued run executed, or its files made: by Celery where a broker is configured, else by a
child process.

The web process never computes an analysis itself, however small the study: a request would be
held up for seconds and SciPy loaded into every web worker. Without a broker the child is
``manage.py analyse --run NUMBER STUDY``, or ``manage.py make_files`` likewise.
"""

from collections.abc import Callable

from django.conf import settings
from django.db import transaction

from analysis.models import AnalysisRun
from readerstudy.background import send, start_command


def dispatch_on_commit(
    run: AnalysisRun, *, if_undelivered: Callable[[], object] = lambda: None
) -> None:
    """Have this run executed once the current transaction is committed.

    ``if_undelivered`` is called if it waits for the broker to be back.
    """
    transaction.on_commit(lambda: _dispatch(run) or if_undelivered())


def _dispatch(run: AnalysisRun) -> bool:
    if settings.CELERY_BROKER_URL:
        from analysis.tasks import execute

        return send(execute, [(run.pk,)])
    start_child(run)
    return True


def start_child(run: AnalysisRun) -> None:
    """Start a process that executes this run and ends."""
    start_command("analyse", "--run", str(run.number), "--", run.study.slug)


def have_drawn(run: AnalysisRun) -> None:
    """Have the files of this run made. Without the broker the row waits for the next reaping."""
    if not settings.CELERY_BROKER_URL:
        start_drawing_child(run)
        return
    from analysis.tasks import draw

    send(draw, [(run.pk,)])


def start_drawing_child(run: AnalysisRun) -> None:
    """Start a process that makes the files of this run and ends."""
    start_command("make_files", "--run", str(run.number), "--", run.study.slug)
