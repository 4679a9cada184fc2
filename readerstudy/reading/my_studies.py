"""A reader's studies at a glance: how far, what is next, until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import ngettext

from readerstudy.reading.models import Reader, Stage
from readerstudy.reading.onboarding import OnboardingStep, next_steps
from readerstudy.reading.sequence import ReaderProgress, progress_of, washout_ends_of
from readerstudy.studies.models import Protocol, Study


class NextAction(StrEnum):
    """What comes next for a reader in a study."""

    NOT_BEGUN = "not_begun"  # the study is a draft
    STEP = "step"  # before the next case
    STAGE_1 = "stage_1"
    WASHOUT = "washout"
    STAGE_2 = "stage_2"
    DONE = "done"
    PAUSED = "paused"
    ENDED = "ended"  # locked
    UNBLINDED = "unblinded"  # or archived


@dataclass(frozen=True)
class StageLine:
    """One stage. ``days_left`` is negative once it is overdue; None without a date, or read."""

    stage: Stage
    read: int
    total: int
    due: date | None
    days_left: int | None

    @property
    def days_over(self) -> int:
        """Days since the stage was due; 0 while it is not overdue."""
        return max(0, -(self.days_left or 0))


@dataclass(frozen=True)
class StudyLine:
    """A reader's study. ``step`` goes with Next.STEP, ``stage_2_begins`` with Next.WASHOUT."""

    reader: Reader
    stages: list[StageLine]
    next: NextAction
    step: OnboardingStep | None
    stage_2_begins: datetime | None

    @property
    def left(self) -> int:
        """Diagnoses still to be given."""
        return sum(stage.total - stage.read for stage in self.stages)

    @property
    def seconds_to_stage_2(self) -> int:
        """Until stage 2 begins, rounded up."""
        return int((self.stage_2_begins - timezone.now()).total_seconds()) + 1

    @property
    def time_to_stage_2(self) -> str:
        """The same in words: days and hours, and on the last day hours and minutes."""
        return in_words(timedelta(seconds=self.seconds_to_stage_2))


def overview(readers: Iterable[Reader], session_key: str) -> list[StudyLine]:
    """Each reader's line, in three queries whatever their number; nothing of the truth."""
    readers = list(readers)
    steps = next_steps(readers, session_key)
    waits = washout_ends_of(readers)
    return [
        _line(progress, step=steps[progress.reader.pk], wait=waits.get(progress.reader.pk))
        for progress in progress_of(readers)
    ]


def in_words(span: timedelta) -> str:
    """A time to wait, rounded up to minutes, its smaller part left out where it is long."""
    minutes = max(1, -(-int(span.total_seconds()) // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        (days, ngettext("%(n)s day", "%(n)s days", days)),
        (hours, ngettext("%(n)s hour", "%(n)s hours", hours)),
        (minutes, ngettext("%(n)s minute", "%(n)s minutes", minutes)),
    ]
    shown = parts[:2] if days else parts[1:] if hours else parts[2:]
    return " ".join(text % {"n": n} for n, text in shown if n)


def _line(
    progress: ReaderProgress, *, step: OnboardingStep | None, wait: datetime | None
) -> StudyLine:
    study = progress.reader.study
    following = _next(progress, step=step, wait=wait)
    due = {}
    if study.state == Study.State.OPEN:
        due = {1: study.protocol.stage_1_due, 2: study.protocol.stage_2_due}
    today = timezone.localdate()
    stages = []
    for stage in progress.stages:
        day = due.get(stage.stage)
        left = (day - today).days if day and stage.read < stage.total else None
        stages.append(StageLine(stage.stage, stage.read, stage.total, day, left))
    return StudyLine(
        progress.reader, stages, following, step if following is NextAction.STEP else None, wait
    )


def _next(
    progress: ReaderProgress, *, step: OnboardingStep | None, wait: datetime | None
) -> NextAction:
    study = progress.reader.study
    closed = {
        Study.State.DRAFT: NextAction.NOT_BEGUN,
        Study.State.PAUSED: NextAction.PAUSED,
        Study.State.LOCKED: NextAction.ENDED,
        Study.State.UNBLINDED: NextAction.UNBLINDED,
        Study.State.ARCHIVED: NextAction.UNBLINDED,
    }
    if study.state in closed:
        return closed[study.state]
    if progress.is_complete:
        return NextAction.DONE
    if wait:
        return NextAction.WASHOUT
    if step:
        return NextAction.STEP
    stage_1, stage_2 = progress.stages
    ahead = stage_2 if study.protocol.design == Protocol.Design.SEQUENTIAL else None
    aided = stage_1.read > ahead.read if ahead else stage_1.read == stage_1.total
    return NextAction.STAGE_2 if aided else NextAction.STAGE_1
