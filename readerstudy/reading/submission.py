"""Take a reading: once, in order, consistent, and never lost once acknowledged."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from readerstudy.audit.log import record
from readerstudy.diagnosis import is_consistent
from readerstudy.reading import blinding, sequence
from readerstudy.reading.errors import AlreadyRead, Invalid, KeyReused, OutOfOrder
from readerstudy.reading.models import Assignment, Presentation, Reader, Reading, Stage


@dataclass(frozen=True)
class Submission:
    """The stored reading, and whether this submit was a repetition of the one that made it."""

    reading: Reading
    replayed: bool


def present(assignment: Assignment) -> Presentation:
    """Note when a case was first shown; the reading's time starts there."""
    return Presentation.objects.get_or_create(assignment=assignment)[0]


@transaction.atomic
def submit_reading(
    *, reader: Reader, code: str, key: UUID, malignancy: str, etiology: str
) -> Submission:
    """Store the diagnosis of the reader's current case.

    A repetition of the same submit (same key) returns the first answer, even after the study
    was locked. Raises one of ``errors``; nothing is stored then.
    """
    # One reader's submits queue up here, so that two tabs at once are one after the other. The
    # study's state is read behind the lock: locking a study takes the same locks first.
    reader = Reader.objects.select_for_update().get(pk=reader.pk)
    first = Reading.objects.filter(idempotency_key=key).select_related("assignment").first()
    if first:
        _require_same(first, reader=reader, code=code, malignancy=malignancy, etiology=etiology)
        return Submission(first, replayed=True)
    if not is_consistent(malignancy, etiology):
        raise Invalid("Choose benign or malignant, then an etiology of that branch.")
    assignment = require_unread(reader, code)
    shown = Presentation.objects.filter(assignment=assignment).first()
    if shown is None:
        raise OutOfOrder("Open the case before you read it.")
    if assignment.stage == Stage.AIDED:
        blinding.aid(assignment)  # a reading with AI is one in which there was AI to see
    reading = Reading.objects.create(
        assignment=assignment,
        malignancy=malignancy,
        etiology=etiology,
        idempotency_key=key,
        started_at=shown.at,
        submitted_at=max(shown.at, timezone.now()),  # whatever two servers' clocks say
    )
    record(
        "reading.submit",
        actor=reader.user.get_username(),
        study=reader.study.slug,
        target=f"{reader.code} stage {assignment.stage} place {assignment.position}",
    )
    return Submission(reading, replayed=False)


def require_unread(reader: Reader, code: str) -> Assignment:
    """The current assignment, which must bear this code.

    Raises AlreadyRead, or as ``sequence.require_current`` does.
    """
    if Reading.objects.filter(assignment__reader=reader, assignment__code=code).exists():
        raise AlreadyRead(
            "You have already read this case, perhaps in another tab. "
            "The diagnosis that you submitted first stands; this one was not stored."
        )
    return sequence.require_current(reader, code)


def _require_same(first: Reading, *, reader: Reader, code: str, malignancy: str, etiology: str):
    sent = (reader.pk, code, malignancy, etiology)
    stored = (
        first.assignment.reader_id,
        first.assignment.code,
        first.malignancy,
        first.etiology,
    )
    if sent != stored:
        raise KeyReused("This submit was already used for another diagnosis, which stands.")
