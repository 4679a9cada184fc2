"""What comes before a reader's first case: consent, profile, display check, practice.

A step is asked where the protocol asks it, of readers of an open study, and in the order of
``OnboardingStep``. While one is left, no case is shown: ``require_prepared`` stands at every door
through which a case, an image or AI output reaches the browser. It does not stand at the submit. A
diagnosis is taken only of a case that was shown (``submission.submit_reading``), so what could be
submitted was seen by a reader who was prepared; and a diagnosis that waited in the browser is
stored even when the display check is due again, because its reader has just signed in anew.

Practice cases are a pool of their own: nobody is assigned one, none is in the results, and of
these alone a reader is told the truth, after the own diagnosis, by ``revealed_reference_standard``.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.core.files.base import File
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from readerstudy.audit.log import record
from readerstudy.audit.row_digests import row_evidence
from readerstudy.diagnosis import Etiology, Malignancy, Modality, is_consistent
from readerstudy.reading import witnessed_rows
from readerstudy.reading.blinding import Diagnosis
from readerstudy.reading.errors import Invalid, NotPrepared, OutOfOrder, refusal_of_state
from readerstudy.reading.models import Consent, DisplayCheck, PracticeReading, Profile, Reader
from readerstudy.reading.randomisation import CaseKey, draw_order
from readerstudy.studies.models import Case, Cohort, ReferenceStandard, Study, practice_cases

_PREPARED = "prepared_readers"
PRACTICE_STAGE = 0  # of the draw: an order of its own beside those of the stages


class OnboardingStep(StrEnum):
    """What is asked before the first case. Definition order is the order in which it is asked."""

    CONSENT = "consent"
    PROFILE = "profile"
    DISPLAY = "display"
    PRACTICE = "practice"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    OnboardingStep.CONSENT: _("Study information and consent"),
    OnboardingStep.PROFILE: _("Your experience"),
    OnboardingStep.DISPLAY: _("Display check"),
    OnboardingStep.PRACTICE: _("Practice cases"),
}


@dataclass(frozen=True)
class PracticeCase:
    """A reader's practice case, by its number in the reader's order, from 1.

    ``given`` is the reader's own diagnosis, None before there is one.
    """

    number: int
    total: int
    case: Case
    given: PracticeReading | None


def next_step(reader: Reader, session_key: str) -> OnboardingStep | None:
    """What this reader has to do before the next case; None when a case may be shown."""
    return next_steps([reader], session_key)[reader.pk]


def next_steps(readers: Iterable[Reader], session_key: str) -> dict[int, OnboardingStep | None]:
    """The same for many readers, by primary key, in one query."""
    readers = list(readers)
    reader_ids = [reader.pk for reader in readers if reader.study.state == Study.State.OPEN]
    here = DisplayCheck.objects.filter(session=session_digest(session_key))
    done = {
        row["pk"]: row
        for row in Reader.objects.filter(pk__in=reader_ids)
        .order_by()
        .values(
            "pk",
            consent_done=_exists(Consent.objects),
            profile_done=_exists(Profile.objects),
            display_done=_exists(here),
            practice_done=~Exists(_practice_left()),
        )
    }
    return {reader.pk: _first_left(reader, done.get(reader.pk)) for reader in readers}


def next_step_cached(reader: Reader, session: SessionBase) -> OnboardingStep | None:
    """``next_step``, which the session remembers once it is None.

    What is done stays done: the steps' rows are append-only, and an open study's protocol is
    frozen. So the database is asked once a sign-in, and not for every image.
    """
    if is_known_prepared(reader, session):
        return None
    step = next_step(reader, session.session_key)
    if step is None and reader.study.state == Study.State.OPEN:
        session[_PREPARED] = [*session.get(_PREPARED, []), reader.pk]
    return step


def is_known_prepared(reader: Reader, session: SessionBase) -> bool:
    """Whether the session remembers that no step is left: asks nothing of the database."""
    return reader.pk in session.get(_PREPARED, [])


def require_prepared(reader: Reader, session: SessionBase) -> None:
    """Raise NotPrepared while a step is left."""
    if next_step_cached(reader, session):
        raise NotPrepared(
            _("There is a step to complete before the next case. Open the study from My studies.")
        )


def require_open(reader: Reader) -> None:
    """Raise StudyNotOpen unless the study takes readings."""
    if reader.study.state != Study.State.OPEN:
        raise refusal_of_state(reader.study.state)


def session_digest(session_key: str) -> str:
    """What is kept of a session's key, which itself would open the session."""
    return salted_hmac("reading.display_check", session_key, algorithm="sha256").hexdigest()


@transaction.atomic
def give_consent(reader: Reader) -> Consent:
    """Store that the reader consents to the study information as it stands."""
    digest = hashlib.sha256(reader.study.protocol.information.encode()).hexdigest()
    consent, created = Consent.objects.get_or_create(
        reader=reader, defaults={"information_sha256": digest}
    )
    if created:
        detail = {"information_sha256": digest}
        _note(
            "reading.consent", reader, detail=detail | row_evidence(witnessed_rows.CONSENT, consent)
        )
    return consent


@transaction.atomic
def store_profile(reader: Reader, experience: dict[str, Any]) -> Profile:
    """Store the reader's experience; what was told first stands."""
    profile, created = Profile.objects.get_or_create(reader=reader, defaults=experience)
    if created:
        _note("reading.profile", reader, detail=row_evidence(witnessed_rows.PROFILE, profile))
    return profile


@transaction.atomic
def store_display_check(
    reader: Reader, session_key: str, *, passed: bool, seen: dict, display: dict
) -> DisplayCheck:
    """Store what the reader saw of the test patches, and on what display."""
    session = session_digest(session_key)
    check = DisplayCheck.objects.create(
        reader=reader, session=session, passed=passed, seen=seen, display=display
    )
    _note("reading.display_check", reader, detail=row_evidence(witnessed_rows.DISPLAY_CHECK, check))
    return check


def last_check(reader: Reader, session_key: str) -> DisplayCheck | None:
    """The last display check since this sign-in."""
    checks = DisplayCheck.objects.filter(reader=reader, session=session_digest(session_key))
    return checks.order_by("pk").last()


def practice_now(reader: Reader) -> int | None:
    """The number of the practice case to be read now; None when all are read."""
    cases = _practice_order(reader)
    read = _practice_given(reader)
    return next((n for n, case in enumerate(cases, start=1) if case.pk not in read), None)


def practice_case(reader: Reader, number: int) -> PracticeCase:
    """The practice case to be read now, or the one just read. Raises OutOfOrder for any other."""
    cases = _practice_order(reader)
    read = _practice_given(reader)
    if number not in (len(read), len(read) + 1) or not 1 <= number <= len(cases):
        raise OutOfOrder(_("This is not your current practice case."))
    case = cases[number - 1]
    return PracticeCase(number, len(cases), case, read.get(case.pk))


def practice_image(practice: PracticeCase, modality: Modality) -> File:
    """The stored PNG of one modality."""
    return practice.case.image_set.get(modality=modality).file


@transaction.atomic
def submit_practice(
    reader: Reader, number: int, *, malignancy: str, etiology: str
) -> PracticeReading:
    """Store a practice diagnosis; of two of one case, the first stands.

    Raises Invalid or OutOfOrder; nothing is stored then.
    """
    Reader.objects.select_for_update().get(pk=reader.pk)  # two tabs are one after the other
    practice = practice_case(reader, number)
    if practice.given:
        return practice.given
    if not is_consistent(malignancy, etiology):
        raise Invalid(_("Choose benign or malignant, then an etiology of that branch."))
    given = PracticeReading.objects.create(
        reader=reader, case=practice.case, malignancy=malignancy, etiology=etiology
    )
    detail = {"number": number}
    _note(
        "reading.practice",
        reader,
        detail=detail | row_evidence(witnessed_rows.PRACTICE_READING, given),
    )
    return given


def revealed_reference_standard(given: PracticeReading) -> Diagnosis:
    """The reference standard of a practice case that was read: a reader's one way to any truth."""
    truth = ReferenceStandard.objects.get(
        case__practicereading=given, case__cohort__role=Cohort.Role.PRACTICE
    )
    return Diagnosis(Malignancy(truth.malignancy), Etiology(truth.etiology))


def _first_left(reader: Reader, done: dict | None) -> OnboardingStep | None:
    if done is None:  # the study is not open
        return None
    protocol = reader.study.protocol
    is_required = {
        OnboardingStep.CONSENT: protocol.information,
        OnboardingStep.PROFILE: protocol.asks_profile,
        OnboardingStep.DISPLAY: protocol.checks_display,
        OnboardingStep.PRACTICE: True,
    }
    return next(
        (step for step in OnboardingStep if is_required[step] and not done[f"{step}_done"]), None
    )


def _exists(rows) -> Exists:
    return Exists(rows.filter(reader=OuterRef("pk")))


def _practice_left() -> QuerySet[Case]:
    """Within a query of readers: the practice cases that a reader has not read."""
    given = PracticeReading.objects.filter(reader=OuterRef(OuterRef("pk")), case=OuterRef("pk"))
    return Case.objects.filter(
        ~Exists(given),
        cohort__study=OuterRef("study"),
        cohort__role=Cohort.Role.PRACTICE,
    )


def _practice_order(reader: Reader) -> list[Case]:
    """The study's practice cases as they were drawn for this reader, the same at every look."""
    cases = {CaseKey(case.cohort_name, case.case_id): case for case in practice_cases(reader.study)}
    order = draw_order(
        cases=list(cases),
        seed=reader.study.protocol.seed,
        reader=reader.code,
        stage=PRACTICE_STAGE,
        stratify=False,
    )
    return [cases[key] for key in order]


def _practice_given(reader: Reader) -> dict[int, PracticeReading]:
    """A reader's practice diagnoses by their cases."""
    return {given.case_id: given for given in PracticeReading.objects.filter(reader=reader)}


def _note(action: str, reader: Reader, *, detail: dict) -> None:
    record(
        action,
        actor=reader.user.get_username(),
        study=reader.study.slug,
        target=reader.code,
        detail=detail,
    )
