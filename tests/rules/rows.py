"""A row in every guarded table, single rows of each kind, and whether the database refuses one."""

import uuid

from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.utils import timezone

from analysis.plan import Plan
from analysis.registration import register
from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.exchange.models import ImportedStudy
from readerstudy.reading import lifecycle, onboarding, trace
from readerstudy.reading.models import (
    Assignment,
    DisplayCheck,
    Profile,
    Reader,
    Reading,
    UnblindingAnswer,
    UnblindingRequest,
)
from readerstudy.studies.models import (
    Case,
    Study,
)
from tests import factories


def make_study() -> Study:
    """An open study; with it, a row in every guarded table."""
    ended = factories.make_open("ended", cases=1, readers=("dora",))
    factories.finish(ended)
    factories.analyse(ended)
    study = factories.make_draft(cases=2)
    factories.make_practice(study, cases=1)
    factories.make_screening(study, enrolled=2)
    factories.make_investigator(study, "investigator")
    factories.add_findings(study)
    lifecycle.open_study(study, by="test")
    register(study, Plan(), by="test")
    factories.make_investigator(study)
    reader = study.reader_set.select_related("study__protocol", "user").first()
    prepare(reader)
    reading = factories.read_next(reader)
    told = {"active_ms": 1, "elapsed_ms": 2, "submitted_at": timezone.now(), "events": [],
            "exposure": []}  # fmt: skip
    trace.store_trace(reading, trace_data=told)
    asked = UnblindingRequest.objects.create(study=study, by=factories.make_user("asker"))
    make_answer(asked, factories.make_user("other"))
    ImportedStudy.objects.create(study=study, manifest={}, records="x", imported_by="test")
    record("test")
    return study


def make_answer(asked: UnblindingRequest, by: User) -> UnblindingAnswer:
    return UnblindingAnswer.objects.create(request=asked, by=by, outcome="confirmed")


def prepare(reader: Reader) -> None:
    """A row of everything that comes before the first case."""
    onboarding.give_consent(reader)
    make_profile(reader)
    DisplayCheck.objects.create(reader=reader, session="x", passed=True, seen={}, display={})
    onboarding.submit_practice(reader, 1, malignancy="malignant", etiology="lymphoma")


def make_profile(reader: Reader, **fields) -> Profile:
    values = {"years_of_ultrasound": 9, "years_of_neck_ultrasound": 4, "neck_scans_a_week": 30,
              "ai_use": "never"}  # fmt: skip
    return Profile.objects.create(reader=reader, **values | fields)


def refused(statement: str, *parameters) -> bool:
    """Whether the database refuses this SQL, and leaves everything as it was."""
    reason = ""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            changed = cursor.rowcount
            transaction.set_rollback(True)
    except DatabaseError as error:
        reason, changed = str(error), 0
    assert changed or "refuses" in reason, reason or "the statement met no row: it tests nothing"
    return bool(reason)


def row_of(model: type[models.Model]) -> models.Model:
    row = model.objects.first()
    assert row is not None
    return row


def column_values(row: models.Model) -> tuple[str, list]:
    fields = [f for f in row._meta.concrete_fields if not f.primary_key]
    names = ", ".join(f'"{f.column}"' for f in fields)
    return names, [f.get_db_prep_save(f.value_from_object(row), connection) for f in fields]


def fails(attempt) -> bool:
    try:
        with transaction.atomic():
            attempt()
    except IntegrityError:
        return True
    return False


def make_case(cohort, case_id: str, **fields) -> Case:
    values = {"sex": "female", "age": 41, "diameter_mm": 17.5, "location": "left",
              "neck_level": "III", "instrument": "x"}  # fmt: skip
    return Case.objects.create(cohort=cohort, case_id=case_id, **values | fields)


def make_reader(study, username: str, **fields) -> Reader:
    values = {"code": username, "years_of_experience": 3, "group": "junior"}
    user = factories.make_user(username)
    return Reader.objects.create(study=study, user=user, **values | fields)


def make_reading(assignment: Assignment, **fields) -> Reading:
    now = timezone.now()
    values = {"malignancy": "benign", "etiology": "reactive_hyperplasia", "started_at": now,
              "submitted_at": now, "idempotency_key": uuid.uuid4()}  # fmt: skip
    return Reading.objects.create(assignment=assignment, **values | fields)
