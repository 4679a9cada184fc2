"""Take a reading: once, in order, consistent, and never lost once acknowledged."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import wraps
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from readerstudy.audit.append_only import is_refused_by_guard
from readerstudy.audit.log import record
from readerstudy.database_outages import outage
from readerstudy.diagnosis import is_consistent
from readerstudy.reading import audit_digests, blinding, sequence, trace
from readerstudy.reading.errors import (
    AlreadyRead,
    Invalid,
    KeyReused,
    OutOfOrder,
    ReadingRefused,
    refusal_of_state,
)
from readerstudy.reading.hot_path_queries import lock_reader
from readerstudy.reading.models import Assignment, Presentation, Reader, Reading, Stage
from readerstudy.reading.submitted_answer import Answer, require_complete
from readerstudy.studies.models import Study

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """The stored reading, and whether this submit was a repetition of the one that made it.

    ``following`` is the assignment that is current now, where it was noted as shown.
    """

    reading: Reading
    replayed: bool
    following: Assignment | None = None


@dataclass(frozen=True, kw_only=True)
class SimulatedReading:
    """What a simulated reader says of the case of this code, and when."""

    code: str
    malignancy: str
    etiology: str
    started_at: datetime
    submitted_at: datetime


def record_presentation(assignment: Assignment) -> None:
    """Note when a case was first shown; the server's time of its reading starts there.

    The assignment is one of ``sequence.current_and_next``. Raises StudyNotOpen if the study was
    shut since its state was read.
    """
    if assignment.shown_at:
        return  # without a transaction, which on SQLite would wait for whoever writes
    try:
        with transaction.atomic():
            _note_shown(assignment)
    except IntegrityError:  # the database shows no case of a study that was shut meanwhile
        raise refusal_of_state(_state_now(assignment.reader)) from None


def _answered_once(store: Callable[..., Submission]) -> Callable[..., Submission]:
    """Decorator: a repetition is answered with the reading that the first submit made.

    What is stored is neither the reader's current case nor can be stored again, so that only
    what is refused can be a repetition.
    """

    @wraps(store)
    def submit(*, reader: Reader, code: str, key: UUID, answer: Answer, **more) -> Submission:
        try:
            return store(reader=reader, code=code, key=key, answer=answer, **more)
        except (ReadingRefused, IntegrityError) as refusal:
            reader.study.state = _state_now(reader)  # it may have been shut meanwhile
            if first := _first_reading(key, reader=reader, code=code, answer=answer):
                return Submission(first, replayed=True)
            if isinstance(refusal, IntegrityError) and is_refused_by_guard(refusal):
                # The database itself took no reading.
                raise refusal_of_state(reader.study.state) from None
            raise

    return submit


@_answered_once
@transaction.atomic
def submit_reading(
    *,
    reader: Reader,
    code: str,
    key: UUID,
    answer: Answer,
    trace_data: dict | None = None,
    request: HttpRequest | None = None,
    shows_next: bool = False,
) -> Submission:
    """Store the diagnosis of the reader's current case.

    ``trace_data`` is what the browser tells of how the reading went (``trace.TraceSerializer``); a
    page without scripts tells nothing. The audit log has the address of ``request``. With
    ``shows_next`` the next case is noted as shown by the same transaction, and so by the same wait
    for the disk. A repetition of the same submit (same key) returns the first answer, even after
    the study was locked. Raises one of ``errors``; nothing is stored then.
    """
    # One reader's submits queue up here, so that two tabs at once are one after the other. Whoever
    # shuts a study takes the same locks first.
    lock_reader(reader.pk)
    line = _unread_position(reader, code)
    assignment = line.current
    require_complete(answer, protocol=reader.study.protocol, stage=assignment.stage)
    if assignment.shown_at is None:
        raise OutOfOrder(_("Open the case before you submit a diagnosis."))
    if assignment.stage == Stage.AIDED:
        blinding.aid(assignment)  # a reading with AI is one in which there was AI to see
    reading = Reading.objects.create(
        assignment=assignment,
        **asdict(answer),
        idempotency_key=key,
        started_at=assignment.shown_at,
        submitted_at=max(assignment.shown_at, timezone.now()),  # whatever two servers' clocks say
    )
    kept = trace.store_trace(reading, trace_data=trace_data) if trace_data is not None else None
    following = _present_next(line) if shows_next else None
    record(
        "reading.submit",
        request=request,
        actor=reader.user.get_username(),
        study=reader.study.slug,
        target=f"{reader.code} stage {assignment.stage} place {assignment.position}",
        detail=audit_digests.reading_digest(reading, kept),
    )
    return Submission(reading, replayed=False, following=following)


@transaction.atomic
def submit_simulated(*, reader: Reader, readings: Sequence[SimulatedReading]) -> None:
    """Store all that is left to a simulated reader, in the stored order.

    The reader is one of a synthetic study, whose user can't sign in. The rules are those of
    people's readings; the times are the simulation's: a case is opened once the one before it is
    submitted, none before the study is open and none in the future. Raises one of ``errors``;
    nothing is stored then.
    """
    reader = Reader.objects.select_for_update().get(pk=reader.pk)
    assignments = _require_simulated(reader, readings)
    for reading in readings:
        if not is_consistent(reading.malignancy, reading.etiology):
            raise Invalid("Choose benign or malignant, then an etiology of that branch.")
    _require_one_after_the_other(reader, readings)
    blinding.require_aids(assignments)
    read = list(zip(assignments, readings, strict=True))
    Presentation.objects.bulk_create(
        Presentation(assignment=assignment, at=reading.started_at) for assignment, reading in read
    )
    stored = Reading.objects.bulk_create(
        Reading(
            assignment=assignment,
            malignancy=reading.malignancy,
            etiology=reading.etiology,
            idempotency_key=uuid4(),
            started_at=reading.started_at,
            submitted_at=reading.submitted_at,
        )
        for assignment, reading in read
    )
    record(
        "reading.simulate",
        actor=reader.user.get_username(),
        study=reader.study.slug,
        target=reader.code,
        detail=audit_digests.readings_digest((reading, None) for reading in stored),
    )


def require_unread(reader: Reader, code: str) -> Assignment:
    """The current assignment, which must bear this code.

    Raises AlreadyRead, or as ``sequence.require_position`` does.
    """
    return _unread_position(reader, code).current


def _unread_position(reader: Reader, code: str) -> sequence.ReadingPosition:
    try:
        return sequence.require_position(reader, code)
    except ReadingRefused:
        if Reading.objects.filter(assignment__reader=reader, assignment__code=code).exists():
            raise AlreadyRead(
                _(
                    "You have already read this case, perhaps in another tab. Your first "
                    "diagnosis counts; this one was not stored."
                )
            ) from None
        raise


def _present_next(line: sequence.ReadingPosition) -> Assignment | None:
    """Note that the case after the one just read is shown; None where it can't be.

    Whatever is wrong with it, the reading before it is stored: its reader finds it out next.
    """
    following = line.following
    if following is None:
        return None
    try:
        with transaction.atomic():
            if following.stage == Stage.AIDED:
                if sequence.washout_ends(following.reader):
                    return None
                blinding.aid(following)
            # Before the diagnosis is committed: what that has to wait for counts as reading, too.
            _note_shown(following)
    except ReadingRefused:
        return None
    except Exception as error:
        if outage(error):  # then the reading before it is not stored either
            raise
        logger.exception("the case after %s can't be shown", line.current)
        return None
    return following


def _note_shown(assignment: Assignment) -> None:
    # Two tabs at once are shown it at the same moment: the first one counts.
    shown = Presentation(assignment=assignment)
    Presentation.objects.bulk_create([shown], ignore_conflicts=True)
    assignment.shown_at = shown.at


def _state_now(reader: Reader) -> str:
    return Study.objects.values_list("state", flat=True).get(pk=reader.study_id)


def _first_reading(key: UUID, *, reader: Reader, code: str, answer: Answer) -> Reading | None:
    """The reading that this very submit has made, if any. Raises KeyReused where it is another."""
    first = Reading.objects.select_related("assignment").filter(idempotency_key=key).first()
    if first is None:
        return None
    of = first.assignment
    if (of.reader_id, of.code) != (reader.pk, code) or not answer.is_of(first):
        raise KeyReused(_("This submission was already used for another diagnosis, which counts."))
    return first


def _require_simulated(reader: Reader, readings: Sequence[SimulatedReading]) -> list[Assignment]:
    """The assignments that these readings are of, which must be all that is left to the reader."""
    if not reader.study.is_synthetic or reader.user.is_active:
        raise Invalid("Only a reader of a synthetic study who can't sign in is simulated.")
    if reader.study.state != Study.State.OPEN:
        raise refusal_of_state(reader.study.state)
    if reader.study.protocol.washout_days:
        raise Invalid("A washout is not simulated.")
    assignments = list(sequence.unread_assignments(reader).select_related("case"))
    if [reading.code for reading in readings] != [assignment.code for assignment in assignments]:
        raise OutOfOrder("These are not the cases left to this reader, in their order.")
    return assignments


def _require_one_after_the_other(reader: Reader, readings: Sequence[SimulatedReading]) -> None:
    read = Reading.objects.filter(assignment__reader=reader)
    free_from = read.aggregate(last=Max("submitted_at"))["last"] or reader.study.opened_at
    for reading in readings:
        if not free_from <= reading.started_at <= reading.submitted_at:
            raise Invalid("A case is opened once the one before it is submitted.")
        free_from = reading.submitted_at
    if free_from > timezone.now():
        raise Invalid("A reading is not in the future.")
