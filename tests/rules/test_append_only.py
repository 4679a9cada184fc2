"""The database itself keeps the study's record: it refuses edits and nonsense, whoever asks."""

import uuid
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.db.models import F
from django.utils import timezone

from analysis.models import AnalysisRun, RegisteredPlan
from analysis.plan import Plan
from analysis.registration import register
from inference.models import Heatmap, InferenceJob, ModelVersion, Prediction, StudyModel
from readerstudy.accounts.models import User
from readerstudy.audit.append_only import guarded_models
from readerstudy.audit.history import kept_models
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.cohorts.models import (
    Case,
    Cohort,
    Image,
    ImageReview,
    Membership,
    Protocol,
    ReferenceStandard,
    Study,
)
from readerstudy.cohorts.screening.models import Exclusion, Screening
from readerstudy.handover.models import ImportedStudy
from readerstudy.reading import lifecycle, preparation, trace
from readerstudy.reading.models import (
    Assignment,
    Consent,
    DisplayCheck,
    PracticeReading,
    Presentation,
    Profile,
    Reader,
    Reading,
    ReadingOrder,
    Trace,
    UnblindingAnswer,
    UnblindingRequest,
)
from tests import factories

pytestmark = pytest.mark.django_db

RECORD = {AuditEvent, Protocol, Prediction, Heatmap, ReadingOrder, Assignment, Presentation,
          Reading, RegisteredPlan, AnalysisRun, Trace, Consent, Profile, PracticeReading,
          DisplayCheck, UnblindingRequest, UnblindingAnswer, ImportedStudy}  # fmt: skip
HISTORY = {model.history.model for model in kept_models()}
FOUNDATION = {Cohort, Case, Image, ImageReview, ReferenceStandard, Reader, StudyModel,
              Screening, Exclusion}  # fmt: skip
GUARDED = pytest.mark.parametrize(
    "model",
    sorted(RECORD | FOUNDATION | HISTORY, key=lambda model: model.__name__),
    ids=lambda model: model.__name__,
)


@pytest.fixture
def study():
    """An open study; with it, a row in every guarded table."""
    ended = factories.make_open("ended", cases=1, readers=("dora",))
    factories.finish(ended)
    factories.analyse(ended)
    study = factories.make_draft(cases=2)
    factories.make_practice(study, cases=1)
    factories.make_screening(study, enrolled=2)
    factories.make_investigator(study, "investigator")
    lifecycle.open_study(study, by="test")
    register(study, Plan(), by="test")
    factories.make_investigator(study)
    reader = study.reader_set.select_related("study__protocol", "user").first()
    prepare(reader)
    reading = factories.read_next(reader)
    told = {"active_ms": 1, "elapsed_ms": 2, "submitted_at": timezone.now(), "events": [],
            "exposure": []}  # fmt: skip
    trace.keep(reading, told=told)
    asked = UnblindingRequest.objects.create(study=study, by=factories.make_user("asker"))
    _answer(asked, factories.make_user("other"))
    ImportedStudy.objects.create(study=study, manifest={}, records="x", imported_by="test")
    record("test")
    return study


def _answer(asked: UnblindingRequest, by: User) -> UnblindingAnswer:
    return UnblindingAnswer.objects.create(request=asked, by=by, outcome="confirmed")


def prepare(reader: Reader) -> None:
    """A row of everything that comes before the first case."""
    preparation.give_consent(reader)
    _profile(reader)
    DisplayCheck.objects.create(reader=reader, session="x", passed=True, seen={}, display={})
    preparation.submit_practice(reader, 1, malignancy="malignant", etiology="lymphoma")


def _profile(reader: Reader, **fields) -> Profile:
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


def test_exactly_these_tables_are_guarded():
    assert set(guarded_models()) - {Study} == RECORD | FOUNDATION | HISTORY


@GUARDED
def test_update_is_refused(model, study):
    row = row_of(model)
    table, key = model._meta.db_table, model._meta.pk.column
    for field in model._meta.concrete_fields:
        column = field.column
        statement = f'UPDATE {table} SET "{column}" = "{column}" WHERE {key} = %s'
        assert refused(statement, row.pk), column


@GUARDED
def test_delete_is_refused(model, study):
    row = row_of(model)
    assert refused(f"DELETE FROM {model._meta.db_table} WHERE {model._meta.pk.column} = %s", row.pk)
    assert refused(f"DELETE FROM {model._meta.db_table}")


@GUARDED
def test_django_is_refused_as_well(model, study):
    row = row_of(model)
    field = next(f for f in model._meta.concrete_fields if not f.primary_key)
    for attempt in (
        lambda: row.save(force_update=True),
        row.delete,
        lambda: model.objects.filter(pk=row.pk).update(**{field.name: F(field.name)}),
        lambda: model.objects.bulk_update([row], [field.name]),
        lambda: model.objects.filter(pk=row.pk)._raw_delete("default"),
    ):  # fmt: skip
        with pytest.raises((IntegrityError, models.ProtectedError)), transaction.atomic():
            attempt()
    assert model.objects.filter(pk=row.pk).exists()


@GUARDED
def test_an_upsert_is_refused(model, study):
    row = row_of(model)
    names, values = column_values(row)
    places = ", ".join(["%s"] * len(values))
    table, key = model._meta.db_table, model._meta.pk.column
    first = names.split(",")[0]
    assert refused(
        f"INSERT INTO {table} ({key}, {names}) VALUES (%s, {places}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {first} = excluded.{first}",
        row.pk, *values,
    )  # fmt: skip


@GUARDED
def test_a_row_is_not_replaced(model, study):
    """SQLite's REPLACE deletes the old row without asking its DELETE trigger, unless told to."""
    if connection.vendor != "sqlite":
        return  # no other database has it
    row = row_of(model)
    names, values = column_values(row)
    places = ", ".join(["%s"] * len(values))
    table, key = model._meta.db_table, model._meta.pk.column
    for verb in ("INSERT OR REPLACE INTO", "REPLACE INTO"):
        statement = f"{verb} {table} ({key}, {names}) VALUES (%s, {places})"
        assert refused(statement, row.pk, *values)


@GUARDED
def test_a_table_is_not_emptied(model, study):
    if connection.vendor != "postgresql":
        return  # no TRUNCATE elsewhere
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or it is refused for what is pending
    assert refused(f"TRUNCATE {model._meta.db_table} CASCADE")


def triggers() -> set[str]:
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {name for (name,) in cursor.fetchall()}


def test_the_triggers_are_there_after_migrate():
    expected = {
        f"{model._meta.db_table}_no_{verb.lower()}"
        for model, guard in guarded_models().items()
        for verb in guard.verbs
    }
    assert expected <= triggers()


def test_migrate_puts_lost_triggers_back(study):
    table = Reading._meta.db_table
    of_table = f" ON {table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {table}_no_update{of_table}")
    assert not refused(f"UPDATE {table} SET etiology = etiology")
    call_command("migrate", verbosity=0)
    assert refused(f"UPDATE {table} SET etiology = etiology")


def test_an_unfrozen_protocol_can_be_changed_and_a_frozen_one_not():
    draft = factories.make_draft("draft")
    Protocol.objects.filter(study=draft).update(seed=8)
    frozen = factories.make_open("open").protocol
    with pytest.raises(IntegrityError), transaction.atomic():
        Protocol.objects.filter(pk=frozen.pk).update(frozen_at=None, frozen_sha256="")
    Protocol.objects.filter(study=draft).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Protocol.objects.filter(pk=frozen.pk)._raw_delete("default")


@pytest.mark.parametrize("state", ["open", "locked", "unblinded"])
def test_what_a_study_rests_on_is_fixed_from_its_opening(state):
    study = factories.make_open(cases=1, readers=("anna",))
    draft = factories.make_draft("draft", cases=1, readers=("dora",))
    if state != "open":
        factories.finish(study)
    late = {
        "cohort": lambda: Cohort.objects.create(study=study, name="late"),
        "case": lambda: _case(study.cohort_set.first(), "late"),
        "reader": lambda: _reader(study, "late"),
        "moved cohort": lambda: draft.cohort_set.update(study=study),
        "moved case": lambda: Case.objects.filter(cohort__study=draft).update(
            cohort=study.cohort_set.first()
        ),
        "moved reader": lambda: Reader.objects.filter(study=draft).update(study=study),
        "moved away": lambda: Reader.objects.filter(study=study).update(study=draft),
        "other truth": lambda: ReferenceStandard.objects.filter(case__cohort__study=study).update(
            etiology="tuberculous_lymphadenitis"
        ),
        "other model": lambda: StudyModel.objects.filter(study=study).update(
            model_version=factories.make_model()
        ),
    }
    assert [what for what, attempt in late.items() if not _fails(attempt)] == []


@pytest.mark.parametrize(
    ("now", "back"),
    [("open", "draft"), ("paused", "draft"), ("locked", "open"), ("locked", "paused"),
     ("locked", "draft"), ("unblinded", "locked"), ("unblinded", "draft"),
     ("archived", "unblinded"), ("archived", "draft")],
)  # fmt: skip
def test_a_study_does_not_go_back(now, back):
    """All that is fixed hangs on the study's state: one that could go back would unfix it all."""
    study = bring(factories.make_open(cases=1, readers=("anna",)), now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Study.objects.filter(pk=study.pk).update(state=back)
    if now != "archived":
        Study.objects.filter(pk=study.pk).update(title="Another title")


def bring(study: Study, state: str) -> Study:
    """An open study, brought to this state."""
    ways = {"open": [], "paused": ["pause"], "locked": ["lock"], "unblinded": ["lock", "unblind"],
            "archived": ["lock", "unblind", "archive"]}  # fmt: skip
    for step in ways[state]:
        getattr(lifecycle, f"{step}_study")(study, by="test")
    study.refresh_from_db()
    return study


def test_between_open_and_paused_a_study_goes_to_and_fro():
    study = factories.make_open(cases=1, readers=("anna",))
    for state in ("paused", "open", "paused"):
        Study.objects.filter(pk=study.pk).update(state=state)
        assert Study.objects.get().state == state


def test_nothing_of_an_archived_study_changes():
    study = bring(factories.make_open(cases=1, readers=("anna",)), "archived")
    for field in ("title", "archived_at", "opened_at"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Study.objects.filter(pk=study.pk).update(**{field: F(field)})
    for attempt in (
        lambda: RegisteredPlan.objects.create(
            study=study, document="{}", sha256="x", registered_by="test"
        ),
        lambda: AnalysisRun.objects.create(
            study=study, number=1, plan_document="{}", plan_sha256="x", planned=False,
            created_by="test",
        ),
    ):  # fmt: skip
        assert _fails(attempt)


@pytest.mark.parametrize("state", ["open", "paused", "locked", "unblinded", "archived"])
def test_the_database_takes_readings_of_an_open_study_alone(state):
    study = factories.make_open(cases=2, readers=("anna",))
    first, second = Assignment.objects.filter(reader__study=study, stage=1).order_by("position")
    Presentation.objects.create(assignment=first)
    bring(study, state)
    now = timezone.now()
    attempts = {
        "shown": lambda: Presentation.objects.create(assignment=second),
        "read": lambda: Reading.objects.create(
            assignment=first, malignancy="malignant", etiology="lymphoma",
            idempotency_key=uuid.uuid4(), started_at=now, submitted_at=now,
        ),
    }  # fmt: skip
    refused = [what for what, attempt in attempts.items() if _fails(attempt)]
    assert refused == ([] if state == "open" else ["shown", "read"])


def test_nobody_confirms_their_own_request():
    study = bring(factories.make_open(cases=1, readers=("anna",)), "locked")
    asker = factories.make_user("asker")
    asked = UnblindingRequest.objects.create(study=study, by=asker)
    assert _fails(lambda: _answer(asked, asker))
    _answer(asked, factories.make_user("other"))
    assert _fails(lambda: _answer(asked, factories.make_user("third")))  # one answer each


def _fails(attempt) -> bool:
    try:
        with transaction.atomic():
            attempt()
    except IntegrityError:
        return True
    return False


def _case(cohort, case_id: str, **fields) -> Case:
    values = {"sex": "female", "age": 41, "diameter_mm": 17.5, "location": "left",
              "neck_level": "III", "instrument": "x"}  # fmt: skip
    return Case.objects.create(cohort=cohort, case_id=case_id, **values | fields)


def _reader(study, username: str, **fields) -> Reader:
    values = {"code": username, "years_of_experience": 3, "group": "junior"}
    user = factories.make_user(username)
    return Reader.objects.create(study=study, user=user, **values | fields)


@pytest.fixture
def draft():
    return factories.make_draft(cases=2, readers=("anna",))


def test_the_makers_above_make_what_is_sound(draft):
    _case(draft.cohort_set.first(), "sound")
    _reader(draft, "sound")


@pytest.mark.parametrize(
    "fields",
    [{"age": -1}, {"age": 121}, {"diameter_mm": 0}, {"diameter_mm": -3}, {"diameter_mm": 200.5},
     {"diameter_mm": float("nan")}, {"diameter_mm": float("inf")}, {"age": None},
     {"case_id": "SECRET-ID-0"}],
)  # fmt: skip
def test_an_impossible_case_is_refused(fields, draft):
    with pytest.raises(DatabaseError), transaction.atomic():
        _case(draft.cohort_set.first(), **{"case_id": "x"} | fields)


@pytest.mark.parametrize("fields", [{"sex": "other"}, {"location": "elbow"}, {"neck_level": "IX"}])
def test_a_case_outside_the_vocabulary_is_refused(fields, draft):
    with pytest.raises(DatabaseError), transaction.atomic():
        _case(draft.cohort_set.first(), **{"case_id": "x"} | fields)


@pytest.mark.parametrize(
    ("malignancy", "etiology"),
    [("benign", "lymphoma"), ("malignant", "reactive_hyperplasia"), ("benign", ""), ("", ""),
     ("Benign", "reactive_hyperplasia"), ("benign", "unknown"), ("", "lymphoma")],
)  # fmt: skip
class TestAnInconsistentDiagnosis:
    def test_is_no_reading(self, malignancy, etiology, study):
        free = Assignment.objects.filter(reading__isnull=True).first()
        with pytest.raises(IntegrityError), transaction.atomic():
            _reading(free, malignancy=malignancy, etiology=etiology)

    def test_is_no_practice_reading(self, malignancy, etiology, study):
        given = PracticeReading.objects.get()
        with pytest.raises(IntegrityError), transaction.atomic():
            PracticeReading.objects.create(
                reader=Reader.objects.exclude(pk=given.reader_id).first(), case=given.case,
                malignancy=malignancy, etiology=etiology,
            )  # fmt: skip

    def test_is_no_reference_standard(self, malignancy, etiology, draft):
        case = _case(draft.cohort_set.first(), "x")
        with pytest.raises(IntegrityError), transaction.atomic():
            ReferenceStandard.objects.create(
                case=case, malignancy=malignancy, etiology=etiology, pathologic_method="x"
            )


def _reading(assignment: Assignment, **fields) -> Reading:
    now = timezone.now()
    values = {"malignancy": "benign", "etiology": "reactive_hyperplasia", "started_at": now,
              "submitted_at": now, "idempotency_key": uuid.uuid4()}  # fmt: skip
    return Reading.objects.create(assignment=assignment, **values | fields)


def test_a_second_reading_of_one_assignment_is_refused(study):
    with pytest.raises(IntegrityError), transaction.atomic():
        _reading(Reading.objects.get().assignment)


def test_a_used_idempotency_key_is_refused(study):
    free = Assignment.objects.filter(reading__isnull=True).first()
    with pytest.raises(IntegrityError), transaction.atomic():
        _reading(free, idempotency_key=Reading.objects.get().idempotency_key)


def test_a_reading_that_ends_before_it_begins_is_refused(study):
    free = Assignment.objects.filter(reading__isnull=True).first()
    with pytest.raises(IntegrityError), transaction.atomic():
        _reading(free, submitted_at=timezone.now() - timedelta(minutes=1))


def test_a_second_presentation_of_one_assignment_is_refused(study):
    shown = Presentation.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        Presentation.objects.create(assignment=shown.assignment)


def test_what_comes_before_the_first_case_is_told_once(study):
    reader = Consent.objects.get().reader
    given = PracticeReading.objects.get()
    for again in (
        lambda: Consent.objects.create(reader=reader, information_sha256="x"),
        lambda: _profile(reader),
        lambda: PracticeReading.objects.create(
            reader=reader, case=given.case, malignancy="malignant", etiology="lymphoma"
        ),
    ):
        assert _fails(again)


@pytest.mark.parametrize(
    "fields",
    [{"years_of_ultrasound": 71}, {"years_of_neck_ultrasound": 10}, {"neck_scans_a_week": 1001},
     {"ai_use": "daily"}, {"ai_use": ""}, {"years_of_ultrasound": -1}],
)  # fmt: skip
def test_an_impossible_profile_is_refused(fields, draft):
    with pytest.raises(DatabaseError), transaction.atomic():
        _profile(draft.reader_set.get(), **fields)


@pytest.mark.parametrize(
    "fields",
    [{"stage": 0}, {"stage": 3}, {"stage": None}, {"position": 0}, {"position": -1},
     {"position": 1}, {"position": 2, "case": "same"}, {"code": "same"}],
)  # fmt: skip
def test_an_unsound_assignment_is_refused(fields, study):
    first = Assignment.objects.filter(stage=1).order_by("position").first()
    case = first.case if fields.get("case") else _another_case(study, first)
    values = {"stage": 1, "position": 9, "code": "another"} | fields | {"case": case}
    if fields.get("code"):
        values["code"] = first.code
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.create(reader=first.reader, **values)


def _another_case(study, assignment) -> Case:
    """A case that this reader is not assigned: from another study, to test one rule at a time."""
    return Case.objects.filter(cohort__study=factories.make_draft("other")).first()


@pytest.mark.parametrize("stage", [0, 3])
def test_an_order_of_no_stage_is_refused(stage, study):
    order = ReadingOrder.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        ReadingOrder.objects.create(
            reader=order.reader, stage=stage, seed=1, algorithm="x", stratification={},
            order_sha256="x",
        )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [{"p_malignant": -0.01}, {"p_tuberculous": 1.01}, {"p_metastatic": float("nan")},
     {"p_malignant": None}],
)  # fmt: skip
def test_an_impossible_probability_is_refused(fields, draft):
    case = _case(draft.cohort_set.first(), "x")
    with pytest.raises(DatabaseError), transaction.atomic():
        factories.make_prediction(case, draft.studymodel.model_version, **fields)


@pytest.mark.parametrize(
    "fields", [{"group": "expert"}, {"group": ""}, {"years_of_experience": 71}, {"code": "R1"}]
)
def test_an_impossible_reader_is_refused(fields, draft):
    with pytest.raises(DatabaseError), transaction.atomic():
        _reader(draft, "zoe", **fields)


def test_a_person_reads_a_study_once_and_has_one_role_in_it(draft):
    anna = draft.reader_set.get().user
    with pytest.raises(IntegrityError), transaction.atomic():
        Reader.objects.create(study=draft, user=anna, code="R9", years_of_experience=1,
                              group="junior")  # fmt: skip
    Membership.objects.create(study=draft, user=anna, role="auditor")
    for role in ("auditor", "investigator"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(study=draft, user=anna, role=role)


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Study, {"state": "closed"}),
        (Study, {"slug": "other"}),
        (Cohort, {"role": "validation"}),
        (Protocol, {"design": "crossover"}),
        (Protocol, {"design": "sequential", "washout_days": 7}),
        (Protocol, {"frozen_sha256": "without a time"}),
        (ModelVersion, {"threshold": 1.5}),
        (InferenceJob, {"state": "lost"}),
        (Image, {"sha256": ""}),
        (Image, {"modality": "ct"}),
        (ImageReview, {"state": "fine"}),
        (ImageReview, {"decided_by": ""}),
        (ImageReview, {"decided_at": None}),
        (ImageReview, {"sha256": ""}),
        (ImageReview, {"needs_frame": True}),
        (ImageReview, {"needs_crop": "by hand"}),
        (ImageReview, {"state": "rejected"}),
    ],
)
def test_an_unknown_value_is_refused(model, change, draft):
    Study.objects.create(slug="other", title="Other")
    InferenceJob.objects.create(
        case=Case.objects.first(), model_version=ModelVersion.objects.first(), input_sha256="x"
    )
    row = model.objects.filter(slug="study").first() if model is Study else model.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**change)


def test_no_foreign_key_takes_a_row_away_with_another():
    """PROTECT everywhere: what a study rests on does not vanish as a side effect."""
    cascades = [
        f"{model.__name__}.{field.name}"
        for app in ("audit", "cohorts", "inference", "reading", "analysis")
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.concrete_fields
        if field.remote_field
        and field.remote_field.on_delete is not models.PROTECT
        # What was is told even of what is gone: a history names a row that may not be there.
        and not (model in HISTORY and field.remote_field.on_delete is models.DO_NOTHING)
    ]
    assert cascades == []
