"""What an open study rests on is fixed by the database, for SQL as for the ORM."""

import pytest
from django.db import IntegrityError, connection, transaction

from inference.models import StudyModel
from readerstudy.cohorts.models import Case, Cohort, Image, ImageReview, ReferenceStandard
from readerstudy.diagnosis import Etiology
from readerstudy.reading.models import Reader
from tests import factories

pytestmark = pytest.mark.django_db
RESTS_ON = [Cohort, Case, Image, ImageReview, ReferenceStandard, Reader, StudyModel]


def refused(*sql) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(*sql)
    except IntegrityError as error:
        return "these rows are fixed" in str(error)
    return False


@pytest.mark.parametrize("model", RESTS_ON)
def test_rows_of_an_open_study_can_be_neither_changed_nor_deleted(model):
    factories.make_open()
    table, row = model._meta.db_table, model.objects.first()
    assert refused(f"UPDATE {table} SET id = id WHERE id = %s", [row.pk])
    assert refused(f"DELETE FROM {table} WHERE id = %s", [row.pk])
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()


@pytest.mark.parametrize("model", RESTS_ON)
def test_rows_of_a_draft_can_be_changed(model):
    factories.make_draft()
    row = model.objects.first()
    row.save()
    assert model.objects.get(pk=row.pk) == row


def test_an_open_study_gets_no_new_case_and_no_new_reader():
    study = factories.make_open()
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.make_case(study.cohort_set.first(), "late", Etiology.REACTIVE)
    user = factories.make_user("late")
    with pytest.raises(IntegrityError), transaction.atomic():
        Reader.objects.create(
            study=study, user=user, code="R9", years_of_experience=1, group="junior"
        )


@pytest.mark.parametrize(
    "change", ["is_synthetic = NOT is_synthetic", "notice = 'other'", "slug = 'other'"]
)
def test_what_an_open_study_is_called_and_says_of_itself_is_fixed(change):
    sql = f"UPDATE cohorts_study SET {change} WHERE slug = %s"
    factories.make_draft("draft")
    assert not refused(sql.replace("'other'", "'draft-2'"), ["draft"])
    factories.make_open("open")
    assert refused(sql, ["open"])


def test_the_admin_offers_no_such_change(admin_client):
    for study, offered in ((factories.make_draft("draft"), True), (factories.make_open(), False)):
        page = admin_client.get(f"/admin/cohorts/study/{study.pk}/change/").content.decode()
        for name in ("slug", "is_synthetic", "notice"):
            assert (f'name="{name}"' in page) == offered, name


def test_no_case_moves_from_a_draft_into_an_open_study():
    study, draft = factories.make_open(), factories.make_draft("draft")
    case = Case.objects.filter(cohort__study=draft).first()
    case.cohort = study.cohort_set.first()
    case.case_id = "moved"
    with pytest.raises(IntegrityError), transaction.atomic():
        case.save()
