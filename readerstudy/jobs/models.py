"""What every kind of job has: its state, who has it in hand, and what it waits for."""

from django.db import models
from django.db.models.functions import Now


class Job(models.Model):
    """A row that is work to be done outside the web process. The row is the truth about the work;
    a message to a worker only says that there is some.

    ``attempts`` counts the processes that took it up, and fences off one that was given up for
    dead. ``strikes`` are the attempts that count against the job: it was alone in a worker's
    hands, and was neither done nor put back.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    RUNNING_STATES: dict[str, str] = {State.QUEUED: State.RUNNING}
    """By a state in which a job waits for a worker: the one in which a worker has it."""

    state = models.CharField(max_length=7, choices=State, default=State.QUEUED, db_index=True)
    attempts = models.PositiveIntegerField(default=0)
    strikes = models.PositiveSmallIntegerField(default=0, help_text="Attempts that count")
    worker = models.CharField(max_length=100, blank=True, help_text="Host and process")
    heartbeat_at = models.DateTimeField(
        null=True, help_text="Last sign of the process that has it, or was started for it"
    )
    deadline_at = models.DateTimeField(null=True, help_text="When this attempt ends at the latest")
    not_before = models.DateTimeField(null=True, verbose_name="waits until")
    cause = models.CharField(max_length=100, blank=True, help_text="What it waits for, with others")
    pauses = models.PositiveSmallIntegerField(default=0, help_text="So far; each is longer")
    reason = models.TextField(blank=True, help_text="Why the last attempt failed")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def is_under_way(self) -> bool:
        """Whether there is something to wait for."""
        return self.state in self.RUNNING_STATES or self.state in self.RUNNING_STATES.values()


# What only the queue needs to know: no part of a study, of its bundle or of what is witnessed.
QUEUE_COLUMNS = frozenset({"attempts", "strikes", "deadline_at", "not_before", "cause", "pauses"})
