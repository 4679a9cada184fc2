"""Who of a study's readers is at work, and who is behind. Nothing of what was read."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max
from django.utils import timezone

from readerstudy.reading.models import Presentation, Reader, Reading, Stage
from readerstudy.reading.sequence import ReaderProgress, progress_of, washout_ends_of
from readerstudy.studies.models import Study


@dataclass(frozen=True)
class Activity:
    """A reader's progress, with the last sign of life: a case shown or read.

    ``last_at`` is the opening of the study for who has not begun. Who waits for stage 2 to
    begin is not behind.
    """

    progress: ReaderProgress
    last_at: datetime
    has_begun: bool
    waits: bool

    @property
    def reader(self) -> Reader:
        return self.progress.reader

    @property
    def left(self) -> int:
        """Diagnoses still to be given."""
        return sum(stage.total - stage.read for stage in self.progress.stages)

    @property
    def is_behind(self) -> bool:
        """Whether there is something that this reader could read now."""
        return self.left > 0 and not self.waits

    @property
    def idle_days(self) -> int:
        """Whole days since the last sign of life."""
        return max(0, (timezone.now() - self.last_at).days)

    def has_read(self, stage: Stage) -> bool:
        """Whether all of a stage is read."""
        return all(s.read == s.total for s in self.progress.stages if s.stage == stage)


def activity_of(study: Study) -> list[Activity]:
    """Every reader of an open study, by code, in a fixed number of queries; else none."""
    if study.state != Study.State.OPEN:
        return []
    readers = list(study.reader_set.select_related("user", "study__protocol").order_by("code"))
    shown = _last(Presentation.objects.filter(assignment__reader__study=study), "at")
    read = _last(Reading.objects.filter(assignment__reader__study=study), "submitted_at")
    waits = washout_ends_of(readers)
    return [
        Activity(
            progress=progress,
            last_at=max(signs, default=study.opened_at),
            has_begun=bool(signs),
            waits=progress.reader.pk in waits,
        )
        for progress in progress_of(readers)
        for signs in [[s[progress.reader.pk] for s in (shown, read) if progress.reader.pk in s]]
    ]


def _last(rows, field: str) -> dict[int, datetime]:
    """By reader, the latest of a field."""
    found = rows.values("assignment__reader").annotate(last=Max(field)).order_by()
    return dict(found.values_list("assignment__reader", "last"))
