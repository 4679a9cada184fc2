"""What an open study rests on is fixed by the database, for SQL as for the ORM."""

import pytest
from django.db import IntegrityError, connection, transaction

from inference.models import ModelVersion, StudyModel
from readerstudy.diagnosis import Etiology
from readerstudy.reading.models import Reader
from readerstudy.studies.models import Case, Cohort, Image, ImageReview, ReferenceStandard, Study
from tests import factories
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
RESTS_ON = [Cohort, Case, Image, ImageReview, ReferenceStandard, Reader, StudyModel]


@shared
def opened():
    return factories.make_open()


@shared
def draft():
    return factories.make_draft("draft")


def refused(*sql) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(*sql)
    except IntegrityError as error:
        return "these rows are fixed" in str(error)
    return False


@pytest.mark.parametrize("model", RESTS_ON)
def test_rows_of_an_open_study_can_be_neither_changed_nor_deleted(model, opened):
    table, row = model._meta.db_table, model.objects.first()
    assert refused(f"UPDATE {table} SET id = id WHERE id = %s", [row.pk])
    assert refused(f"DELETE FROM {table} WHERE id = %s", [row.pk])
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()


@pytest.mark.parametrize("model", RESTS_ON)
def test_rows_of_a_draft_can_be_changed(model, draft):
    row = model.objects.first()
    row.save()
    assert model.objects.get(pk=row.pk) == row


MODEL = ("name", "version", "architecture", "threshold", "weights", "sha256", "card")


def change_model(version: ModelVersion, column: str) -> bool:
    """Whether the database refuses another value."""
    value = {"threshold": 0.9, "card": '{"other": 1}'}.get(column, "other")
    table = version._meta.db_table
    return refused(f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, version.pk])


@pytest.mark.parametrize("column", MODEL)
def test_the_model_that_an_open_study_shows_is_fixed(column, opened):
    assert change_model(opened.studymodel.model_version, column)
    other = factories.make_model(name="of no prediction", sha256="0" * 64)
    assert not change_model(other, column)


def test_a_model_is_fixed_by_a_prediction_or_by_an_open_study_that_shows_it(draft):
    version = factories.make_model(name="another", sha256="1" * 64)
    factories.choose_model(draft, version)
    assert not change_model(version, "threshold")
    with transaction.atomic():
        Study.objects.filter(pk=draft.pk).update(state="open")
        assert change_model(version, "threshold")
        transaction.set_rollback(True)
    assert not change_model(version, "threshold")
    factories.make_prediction(Case.objects.first(), version)
    assert change_model(version, "threshold")
    assert refused(f"DELETE FROM {version._meta.db_table} WHERE id = %s", [version.pk])


def test_an_open_study_gets_no_new_case_and_no_new_reader(opened):
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.make_case(opened.cohort_set.first(), "late", Etiology.REACTIVE)
    user = factories.make_user("late")
    with pytest.raises(IntegrityError), transaction.atomic():
        Reader.objects.create(
            study=opened, user=user, code="R9", years_of_experience=1, group="junior"
        )


@pytest.mark.parametrize(
    "change", ["is_synthetic = NOT is_synthetic", "notice = 'other'", "slug = 'other'"]
)
def test_what_an_open_study_is_called_and_says_of_itself_is_fixed(change, draft, opened):
    sql = f"UPDATE cohorts_study SET {change} WHERE slug = %s"
    assert not refused(sql.replace("'other'", "'draft-2'"), ["draft"])
    assert refused(sql, ["study"])


def test_the_admin_offers_no_such_change(admin_client, draft, opened):
    for study, offered in ((draft, True), (opened, False)):
        page = admin_client.get(f"/admin/cohorts/study/{study.pk}/change/").content.decode()
        for name in ("slug", "is_synthetic", "notice"):
            assert (f'name="{name}"' in page) == offered, name


def test_no_case_moves_from_a_draft_into_an_open_study(draft, opened):
    case = Case.objects.filter(cohort__study=draft).first()
    case.cohort = opened.cohort_set.first()
    case.case_id = "moved"
    with pytest.raises(IntegrityError), transaction.atomic():
        case.save()
