"""Get a queued run executed: by Celery where a broker is configured, else by a child process.

The web process never computes an analysis itself, however small the study: a request would be
held up for seconds and SciPy loaded into every web worker. Without a broker the child is
``manage.py analyse --run NUMBER STUDY``.
"""

from django.conf import settings
from django.db import transaction

from analysis.models import AnalysisRun
from readerstudy.background import start_command


def dispatch_on_commit(run: AnalysisRun) -> None:
    """Have this run executed once the current transaction is committed."""
    transaction.on_commit(lambda: _dispatch(run))


def _dispatch(run: AnalysisRun) -> None:
    if settings.CELERY_BROKER_URL:
        from analysis.tasks import execute

        execute.delay(run.pk)
    else:
        start_child(run)


def start_child(run: AnalysisRun) -> None:
    """Start a process that executes this run and ends."""
    start_command("analyse", "--run", str(run.number), "--", run.study.slug)
