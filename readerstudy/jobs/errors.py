"""How work on a job can end, other than done; whoever does the work raises one of these."""

from django.db.models import Q


class JobFailed(Exception):
    """The job is given up; the text says why."""


class JobLost(Exception):
    """The job is not this worker's any more: it was cancelled, or given up for dead."""


class TryLater(Exception):
    """What stands in the way may pass; the text says what it is.

    ``counts_as_strike``: it may be the job's own fault, so the attempt counts. ``cause`` names what
    other jobs meet as well; those that ``others`` finds wait together with this one.
    """

    def __init__(
        self,
        reason: str,
        *,
        counts_as_strike: bool = False,
        cause: str = "",
        others: Q | None = None,
    ):
        super().__init__(reason)
        self.counts_as_strike = counts_as_strike
        self.cause = cause
        self.others = others


class WorkerBroken(Exception):
    """This process can do no work any more, whatever the job; a new one may. The text says why."""
