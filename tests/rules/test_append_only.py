"""The database itself keeps the study's record: it refuses edits, whoever asks."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F

from analysis.models import AnalysisRun, RegisteredPlan
from inference.models import Heatmap, ModelVersion, Prediction, StudyModel
from readerstudy.audit.append_only import guarded_models
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.simple_history_setup import tracked_models
from readerstudy.exchange.models import ImportedStudy
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
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    ImageFinding,
    ImageReview,
    Membership,
    Protocol,
    ReferenceStandard,
    SimilarImages,
    Study,
)
from readerstudy.studies.screening.models import Exclusion, Screening
from tests.rules.rows import column_values, make_study, refused, row_of
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
RECORD = {AuditEvent, Protocol, Prediction, Heatmap, ReadingOrder, Assignment, Presentation,
          Reading, RegisteredPlan, AnalysisRun, Trace, Consent, Profile, PracticeReading,
          DisplayCheck, UnblindingRequest, UnblindingAnswer, ImportedStudy}  # fmt: skip
HISTORY = {model.history.model for model in tracked_models()}
FOUNDATION = {Cohort, Case, Image, ImageFinding, ImageReview, ReferenceStandard, Reader,
              StudyModel, ModelVersion, Screening, SimilarImages, Exclusion}  # fmt: skip
GUARDED = pytest.mark.parametrize(
    "model",
    sorted(RECORD | FOUNDATION | HISTORY, key=lambda model: model.__name__),
    ids=lambda model: model.__name__,
)

study = shared(make_study)


def test_exactly_these_tables_are_guarded():
    assert set(guarded_models()) - {Study, Membership} == RECORD | FOUNDATION | HISTORY


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
