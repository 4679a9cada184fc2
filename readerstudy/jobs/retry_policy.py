"""How long and how often a kind of job is tried, by the settings."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings


@dataclass(frozen=True)
class Limits:
    """The settings whose names begin with ``prefix``.

    ``max_attempts`` stands for the setting where there is none; 0: no bound.
    """

    prefix: str
    max_attempts: int | None = None

    @property
    def heartbeat_seconds(self) -> float:
        """Between two signs of life."""
        return getattr(settings, f"{self.prefix}_HEARTBEAT_SECONDS")

    @property
    def stale(self) -> timedelta:
        """A process that is silent for so long is dead."""
        return timedelta(seconds=getattr(settings, f"{self.prefix}_STALE_SECONDS"))

    @property
    def deadline(self) -> timedelta:
        """An attempt that takes longer hangs."""
        return timedelta(seconds=getattr(settings, f"{self.prefix}_DEADLINE_SECONDS"))

    def are_spent(self, strikes: int) -> bool:
        """Whether no attempt is left after so many strikes."""
        return bool(self._most) and strikes >= self._most

    @property
    def highest_strikes(self) -> int:
        """A job with more strikes than this has no attempt left."""
        return self._most - 1 if self._most else 2**15 - 1

    @property
    def _most(self) -> int:
        if self.max_attempts is not None:
            return self.max_attempts
        return getattr(settings, f"{self.prefix}_MAX_ATTEMPTS")


def pause_after(pauses: int) -> timedelta:
    """How long a job waits that has waited so many times before: each time thrice as long."""
    seconds = settings.JOB_FIRST_PAUSE_SECONDS * 3 ** min(pauses, 20)
    return timedelta(seconds=min(seconds, settings.JOB_LONGEST_PAUSE_SECONDS))
