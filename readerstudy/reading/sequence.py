"""Where a reader is in the stored order: what is current, what is done, when stage 2 begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from readerstudy.reading.errors import NotYours, OutOfOrder, refusal_of_state
from readerstudy.reading.frozen_cache import cached
from readerstudy.reading.hot_path_queries import next_assignments
from readerstudy.reading.models import Assignment, Reader, Reading, Stage
from readerstudy.studies.models import Protocol, Study


@dataclass(frozen=True)
class StageProgress:
    """Cases read and assigned in one stage."""

    stage: Stage
    read: int
    total: int


@dataclass(frozen=True)
class ReaderProgress:
    """A reader with the progress of each stage, stage 1 first; no stage before the study opens."""

    reader: Reader
    stages: list[StageProgress]

    @property
    def is_complete(self) -> bool:
        """Whether everything assigned is read."""
        return all(stage.read == stage.total for stage in self.stages)


def progress_of(readers: Iterable[Reader]) -> list[ReaderProgress]:
    """Every reader's progress, in one query; nothing of the truth."""
    readers = list(readers)
    counts = (
        Assignment.objects.filter(reader__in=readers)
        .values("reader", "stage")
        .annotate(total=Count("pk"), read=Count("reading"))
        .order_by("reader", "stage")
    )
    stages: dict[int, list[StageProgress]] = {reader.pk: [] for reader in readers}
    for c in counts:
        stages[c["reader"]].append(StageProgress(Stage(c["stage"]), c["read"], c["total"]))
    return [ReaderProgress(reader, stages[reader.pk]) for reader in readers]


def progress(reader: Reader) -> list[StageProgress]:
    """One reader's progress in each stage."""
    return progress_of([reader])[0].stages


def progress_at(assignment: Assignment) -> StageProgress:
    """Progress in the stage of the current assignment: in order, all before it is read."""
    stage = Stage(assignment.stage)

    def ask() -> int:
        return Assignment.objects.filter(reader=assignment.reader_id, stage=stage).count()

    total = cached(assignment.reader, "total", assignment.reader_id, stage, ask=ask)
    return StageProgress(stage, assignment.position - 1, total)


@dataclass(frozen=True)
class ReadingPosition:
    """What a reader may read now, and what comes next in the order; None where nothing does.

    Either bears ``shown_at`` (``hot_path_queries.next_assignments``), and its reader with the
    study.
    What comes next may be of stage 2, whose time may not have come once the current one is read.
    """

    current: Assignment | None
    following: Assignment | None


def current_and_next(reader: Reader) -> ReadingPosition:
    """Where this reader is in the stored order.

    Nothing is current when all is read, the study is not open, or the washout still runs.
    """
    if reader.study.state != Study.State.OPEN:
        return ReadingPosition(None, None)
    in_order = attrgetter(*_ORDERS[reader.study.protocol.design])
    current, following = (*sorted(next_assignments(reader.pk), key=in_order), None, None)[:2]
    if current is None or (current.stage == Stage.AIDED and washout_ends(reader)):
        return ReadingPosition(None, None)
    for assignment in (current, following):
        if assignment:
            assignment.reader = reader  # whose study and protocol need not be asked for again
    return ReadingPosition(current, following)


def current_assignment(reader: Reader) -> Assignment | None:
    """The one case that this reader may read now; None when there is none
    (``current_and_next``)."""
    return current_and_next(reader).current


def unread_assignments(reader: Reader) -> QuerySet[Assignment]:
    """All that is left to this reader, in the order in which it will be read."""
    # As a join the database would go through all readings of all readers each time.
    read = Exists(Reading.objects.filter(assignment=OuterRef("pk")))
    order = _ORDERS[reader.study.protocol.design]
    return Assignment.objects.filter(~read, reader=reader).order_by(*order)


_ORDERS = {
    Protocol.Design.TWO_SESSION: ("stage", "position"),
    Protocol.Design.SEQUENTIAL: ("position", "stage"),
}


def upcoming_assignment(reader: Reader) -> Assignment | None:
    """The case after the current one, whose images the browser may fetch ahead of time.

    None where the stage ends with the current case: what comes then may not begin today.
    """
    here = current_and_next(reader)
    sequential = reader.study.protocol.design == Protocol.Design.SEQUENTIAL
    if here.following and (sequential or here.following.stage == here.current.stage):
        return here.following
    return None


def washout_ends(reader: Reader) -> datetime | None:
    """When stage 2 begins, while that is still to come; None when nothing is to be waited for."""
    return washout_ends_of([reader]).get(reader.pk)


def washout_ends_of(readers: Iterable[Reader]) -> dict[int, datetime]:
    """When stage 2 begins for those readers (by primary key) who wait for it, in one query."""
    days = {
        reader.pk: reader.study.protocol.washout_days
        for reader in readers
        if reader.study.state == Study.State.OPEN and reader.study.protocol.washout_days
    }
    if not days:
        return {}
    read = (
        Assignment.objects.filter(reader__in=days, stage=Stage.UNAIDED)
        .values("reader")
        .annotate(
            unread=Count("pk", filter=Q(reading__isnull=True)), last=Max("reading__submitted_at")
        )
        .filter(unread=0)
    )
    ends = {row["reader"]: row["last"] + timedelta(days=days[row["reader"]]) for row in read}
    now = timezone.now()
    return {reader: end for reader, end in ends.items() if end > now}


def require_current_or_upcoming(reader: Reader, code: str) -> Assignment:
    """The current assignment or the upcoming one, which must bear this code: for images alone.

    Raises as ``require_position`` does.
    """
    try:
        return require_current(reader, code)
    except OutOfOrder:
        upcoming = upcoming_assignment(reader)
        if upcoming and upcoming.code == code:
            return upcoming
        raise


def require_current(reader: Reader, code: str) -> Assignment:
    """The current assignment, which must bear this code. Raises as ``require_position`` does."""
    return require_position(reader, code).current


def require_position(reader: Reader, code: str) -> ReadingPosition:
    """The line of this reader, whose current assignment must bear this code.

    Raises StudyNotOpen, NotYours (unknown code, or another reader's) or OutOfOrder.
    """
    if reader.study.state != Study.State.OPEN:
        raise refusal_of_state(reader.study.state)
    here = current_and_next(reader)
    if here.current and here.current.code == code:
        return here
    if not Assignment.objects.filter(reader=reader, code=code).exists():
        raise NotYours(_("This case is not assigned to you."))
    raise OutOfOrder(_("This is not your current case."))
