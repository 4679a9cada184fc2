"""How far inference is, how fast it goes, and how long it will take."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from inference.models import InferenceJob, ModelVersion

RATE_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True)
class Progress:
    """Jobs of one model version by state; the rate is in cases a second over the last minutes."""

    model_version: ModelVersion
    queued: int
    running: int
    done: int
    failed: int
    rate: float | None

    @property
    def total(self) -> int:
        return self.queued + self.running + self.done + self.failed

    @property
    def time_left(self) -> timedelta | None:
        """Until the queue is empty at the present rate; None when nothing moves or waits."""
        if not self.rate or not (waiting := self.queued + self.running):
            return None
        return timedelta(seconds=round(waiting / self.rate))


def by_version(jobs: QuerySet[InferenceJob] | None = None) -> list[Progress]:
    """The progress of every model version that has jobs (of these alone), in two queries."""
    since = timezone.now() - RATE_WINDOW
    recent = Q(state=InferenceJob.State.DONE, finished_at__gte=since)
    rows = (
        (InferenceJob.objects.all() if jobs is None else jobs)
        .values("model_version")
        .annotate(
            **{state: Count("pk", filter=Q(state=state)) for state in InferenceJob.State.values},
            recent=Count("pk", filter=recent),
            first=Min("finished_at", filter=recent),
            last=Max("finished_at", filter=recent),
        )
        .order_by("model_version")
    )
    versions = ModelVersion.objects.in_bulk([row["model_version"] for row in rows])
    return [
        Progress(
            model_version=versions[row["model_version"]],
            queued=row["queued"],
            running=row["running"],
            done=row["done"],
            failed=row["failed"],
            rate=_rate(row["recent"], row["first"], row["last"]),
        )
        for row in rows
    ]


def _rate(count: int, first, last) -> float | None:
    """Cases a second between the first and the last that ended; None for fewer than two."""
    seconds = (last - first).total_seconds() if count > 1 else 0
    return (count - 1) / seconds if seconds else None
