"""What the admin shows and changes of a study under way: no diagnosis, and nothing it rests on."""

import re

import pytest
from django.test import Client

from readerstudy.accounts.models import User
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Reader, Reading
from readerstudy.studies.models import (
    Case,
    Cohort,
    Membership,
    Study,
)
from tests import factories
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db


@shared
def draft():
    return factories.make_draft(cases=3)


@pytest.fixture
def admin() -> Client:
    factories.make_user("admin", is_staff=True, is_superuser=True)
    return sign_in("admin")


@pytest.fixture
def reading(draft) -> Reading:
    lifecycle.open_study(draft, by="test")
    return factories.read_next(draft.reader_set.first(), Etiology.LYMPHOMA)


@pytest.mark.parametrize("page", ["", "{pk}/change/", "{pk}/history/"])
def test_the_admin_sees_diagnoses_only_after_the_unblinding(page, admin, draft, reading):
    url = "/admin/reading/reading/" + page.format(pk=reading.pk)
    shown = "lymphoma" in admin.get(url).content.decode().lower()
    assert not shown
    factories.finish(draft)
    if "history" not in page:
        assert "lymphoma" in admin.get(url).content.decode().lower()


SIEVES = ["malignancy=malignant", "malignancy__exact=malignant", "etiology__startswith=lym",
          "etiology__in=lymphoma", "etiology__contains=o", "malignancy__gt=c", "q=lymphoma",
          "o=4.5", "assignment__case__referencestandard__etiology=lymphoma"]  # fmt: skip


@pytest.mark.parametrize("query", SIEVES)
def test_a_filter_in_the_address_does_not_unseal_a_diagnosis(query, admin, draft, reading):
    """Which rows remain must not depend on what was diagnosed."""
    counts = []
    for answer in ("is", "is not"):
        if answer == "is not":
            factories.read_next(draft.reader_set.last(), Etiology.REACTIVE)
        response = admin.get(f"/admin/reading/reading/?{query}")
        rows = response.content.decode().count('class="field-started_at') if (
            response.status_code == 200
        ) else 0  # fmt: skip
        counts.append(rows)
    # Either refused, or ignored: one row more for one reading more.
    assert counts in ([0, 0], [1, 2])


@pytest.mark.parametrize("model", ["assignment", "readingorder", "reader"])
@pytest.mark.parametrize("query", ["reading__etiology=lymphoma", "assignment__reading__etiology=x"])
def test_nor_does_one_on_another_page(model, query, admin, reading):
    response = admin.get(f"/admin/reading/{model}/?{query}")
    assert response.status_code in (302, 400)


@pytest.mark.parametrize("page", ["add/", "{pk}/change/", "{pk}/delete/"])
def test_the_admin_changes_no_reading(page, admin, reading):
    url = "/admin/reading/reading/" + page.format(pk=reading.pk)
    assert admin.post(url, {"etiology": "reactive_hyperplasia", "post": "yes"}).status_code == 403
    admin.post(
        "/admin/reading/reading/",
        {"action": "delete_selected", "_selected_action": [reading.pk], "post": "yes"},
    )
    assert Reading.objects.get().etiology == "lymphoma"


def test_the_admin_adds_no_reader_to_a_study_under_way(admin, draft):
    """Refused in plain words, not by a page that says that something failed."""
    late = factories.make_user("late")
    lifecycle.open_study(draft, by="test")
    admin.raise_request_exception = False
    form = {"study": draft.pk, "user": late.pk, "code": "R9", "years_of_experience": 3,
            "group": "junior"}  # fmt: skip
    response = admin.post("/admin/reading/reader/add/", form)
    assert response.status_code in (200, 403)
    assert Reader.objects.count() == 2


def test_the_admin_adds_no_cohort_to_a_study_under_way(admin, draft):
    lifecycle.open_study(draft, by="test")
    admin.raise_request_exception = False
    form = {"study": draft.pk, "name": "late", "role": "internal_testing", "hospital": ""}
    response = admin.post("/admin/cohorts/cohort/add/", form)
    assert response.status_code in (200, 403)
    assert Cohort.objects.count() == 2


def test_the_admin_adds_no_case_to_a_study_under_way(admin, draft):
    lifecycle.open_study(draft, by="test")
    admin.raise_request_exception = False
    form = {
        "cohort": draft.cohort_set.first().pk, "case_id": "late", "sex": "male", "age": 5,
        "diameter_mm": 5, "location": "left", "neck_level": "II", "instrument": "x",
        "image_set-TOTAL_FORMS": 0, "image_set-INITIAL_FORMS": 0,
        "referencestandard-TOTAL_FORMS": 0, "referencestandard-INITIAL_FORMS": 0,
    }  # fmt: skip
    response = admin.post("/admin/cohorts/case/add/", form)
    assert response.status_code in (200, 403)
    assert Case.objects.count() == 3


def name_investigator(admin: Client, study: Study, username: str):
    """Send the study's own page back with one more investigator."""
    url = f"/admin/cohorts/study/{study.pk}/change/"
    page = admin.get(url).content.decode()
    form = dict(re.findall(r'name="(\w+-(?:TOTAL|INITIAL)_FORMS)" value="(\d+)"', page))
    user = User.objects.get(username=username)
    form |= {"title": study.title, "membership_set-TOTAL_FORMS": 1,
             "membership_set-0-user": user.pk, "membership_set-0-study": study.pk,
             "membership_set-0-role": "investigator"}  # fmt: skip
    admin.raise_request_exception = False
    return admin.post(url, form)


def test_a_study_under_way_can_still_get_an_investigator(admin, draft):
    lifecycle.open_study(draft, by="test")
    factories.make_user("ivan")
    assert name_investigator(admin, draft, "ivan").status_code == 302
    assert Membership.objects.get().user.username == "ivan"


def test_no_reader_becomes_an_investigator_while_the_study_is_read(admin, draft):
    lifecycle.open_study(draft, by="test")
    assert name_investigator(admin, draft, "anna").status_code == 200
    assert not Membership.objects.exists()
