"""The kinds of job that there are; each app registers its own as it is loaded."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.module_loading import import_string

from readerstudy.jobs.models import Job
from readerstudy.jobs.queue import Queue

_kinds: dict[str, "Kind"] = {}


@dataclass(frozen=True)
class Kind:
    """A kind of job: its rows, the Celery queue of its messages, and what does the work.

    ``run`` is "module:function", loaded by workers alone: it may bring torch or SciPy in. It takes
    the jobs that this worker claimed together, and ends each by ``queue.finish``; what it may raise
    stands in ``errors``. Any other exception is a failure of the job. ``then`` names the kind that
    its work leaves jobs of, for the same worker to take up next.
    ``check``, "module:function" too, raises ImproperlyConfigured where a worker that starts could
    do none of these jobs.
    """

    name: str
    queue: Queue
    celery_queue: str
    run: str
    then: str = ""
    check: str = ""

    def load(self) -> Callable[[list[Job]], None]:
        """What does the work."""
        return import_string(self.run.replace(":", "."))

    def require_usable(self) -> None:
        """Raise ImproperlyConfigured where a worker on this machine could do no job of the kind."""
        if self.check:
            import_string(self.check.replace(":", "."))()


def register(kind: Kind) -> Kind:
    """Let workers know of a kind."""
    _kinds[kind.name] = kind
    return kind


def get(name: str) -> Kind:
    """The kind of this name. Raises KeyError."""
    return _kinds[name]


def names() -> list[str]:
    """Of all kinds."""
    return sorted(_kinds)


def of_celery_queue(name: str) -> list[Kind]:
    """The kinds whose messages go to this Celery queue."""
    return [kind for kind in _kinds.values() if kind.celery_queue == name]
