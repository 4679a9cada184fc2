"""No list of the admin filters, searches or sorts by what is sealed, whatever the address asks."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.test import RequestFactory

from readerstudy.audit.admin_lookup_guard import field_path
from readerstudy.exchange.bundles.study_models import TABLES
from readerstudy.reading.models import Reading, Trace
from readerstudy.studies.models import ReferenceStandard
from tests import factories
from tests.rules.walk import sign_in

pytestmark = pytest.mark.django_db
FAR = 5  # relations that an address goes along
ADMINS = [pytest.param(each, id=model._meta.label) for model, each in admin.site._registry.items()]
COMPARED = ("", "__exact", "__contains", "__gt", "__in", "__isnull", "__regex")


def sealed_paths(model: type[models.Model], far: int = FAR, came: tuple = ()) -> Iterator[str]:
    """Every lookup from a model to a column that is sealed."""
    yield from getattr(model, "audit_hidden", ())
    for field in model._meta.get_fields() if far else ():
        there = field.is_relation and field.related_model
        if there and there not in (*came, model):
            name = field.name
            for path in sealed_paths(there, far - 1, (*came, model)):
                yield f"{name}__{path}"


def is_sealed(model: type[models.Model], path: str) -> bool:
    """Whether a path of columns ends at what is sealed, or leads through it."""
    steps = path.lstrip("-=^@").split("__")
    for name in steps:
        if name in getattr(model, "audit_hidden", ()):
            return True
        try:
            model = model._meta.get_field(name).related_model
        except FieldDoesNotExist:
            return False
        if model is None:
            return False
    return False


@pytest.fixture
def request_():
    request = RequestFactory().get("/admin/")
    request.user = factories.make_user("root", is_staff=True, is_superuser=True)
    return request


def test_what_is_sealed_in_a_bundle_names_its_sealed_columns():
    told_by_role = {"assignment", "case", "reading", "idempotency_key", "started_at",
                    "submitted_at"}  # fmt: skip
    for table in TABLES:
        if table.sealed:
            columns = {field.name for field in table.fields}
            assert columns - set(table.model.audit_hidden) <= told_by_role, table.name
    assert {Reading, Trace, ReferenceStandard} == {
        model for model in apps.get_models() if hasattr(model, "audit_hidden")
    }


@pytest.mark.parametrize("page", ADMINS)
def test_no_address_filters_by_what_is_sealed(page, request_):
    paths = list(sealed_paths(page.model))
    for path in paths:
        for how in COMPARED:
            assert not page.lookup_allowed(f"{path}{how}", "1", request_), path
    assert len(paths) > 3 or page.model._meta.app_label in {"auth", "audit"}


@pytest.mark.parametrize("page", ADMINS)
def test_no_list_offers_what_is_sealed(page, request_):
    """By filter, search (an autocomplete's too), date, order or as the key of a row."""
    offered = [each[0] if isinstance(each, tuple) else each
               for each in page.get_list_filter(request_)]  # fmt: skip
    offered += [*page.get_search_fields(request_), *page.get_ordering(request_)]
    offered += [page.date_hierarchy or "", *(page.model._meta.ordering or ())]
    listed = page.get_changelist_instance(request_)
    for name in page.get_list_display(request_):
        offered += [name, listed.get_ordering_field(name)]
    offered += page.list_editable
    assert not [path for path in offered if isinstance(path, str) and is_sealed(page.model, path)]
    for name in getattr(page.model, "audit_hidden", ()):
        assert not page.to_field_allowed(request_, name)


@pytest.mark.parametrize("page", ADMINS)
def test_what_a_list_declares_is_a_column_that_there_is(page, request_):
    """Else a path could lead somewhere that these tests don't see."""
    for path in page.get_search_fields(request_):
        assert get_fields_from_path(page.model, path.lstrip("=^@"))
    for each in page.get_list_filter(request_):
        path = each[0] if isinstance(each, tuple) else each
        assert page.lookup_allowed(f"{path}__exact", "1", request_)


@pytest.mark.parametrize(
    "asked",
    ["confidence=3", "quality_note__contains=dark", "trust__gt=2", "usefulness=1",
     "quality_problem=gain", "etiology=lymphoma", "malignancy__startswith=m",
     "trace__active_ms__gt=100", "trace__flags__contains=c",
     "assignment__case__referencestandard__etiology=lymphoma"],
)  # fmt: skip
def test_staff_does_not_find_readings_by_what_was_answered(asked):
    study = factories.make_open(cases=1, readers=("anna",))
    factories.read_next(study.reader_set.get())
    factories.make_user("root", is_staff=True, is_superuser=True)
    client = sign_in("root")
    assert client.get(f"/admin/reading/reading/?{asked}").status_code == 400
    assert client.get("/admin/reading/reading/?o=4.5.-4").status_code == 200


@pytest.mark.parametrize(
    ("model", "asked"),
    [("cohorts/case", "referencestandard__etiology=lymphoma"),
     ("cohorts/case", "assignment__reading__etiology=lymphoma"),
     ("reading/assignment", "reading__etiology=lymphoma"),
     ("reading/reader", "assignment__reading__confidence=3"),
     ("cohorts/study", "reader__assignment__reading__trust=1")],
)  # fmt: skip
def test_nor_along_relations(model, asked):
    factories.make_user("root", is_staff=True, is_superuser=True)
    assert sign_in("root").get(f"/admin/{model}/?{asked}").status_code == 400


def test_a_column_that_a_list_does_not_offer_is_no_filter():
    factories.make_user("root", is_staff=True, is_superuser=True)
    client = sign_in("root")
    assert client.get("/admin/accounts/user/?password__startswith=p").status_code == 400
    assert client.get("/admin/cohorts/case/?age=50").status_code == 400
    assert client.get("/admin/cohorts/case/?sex__exact=male").status_code == 200
    assert client.get("/admin/audit/auditevent/?at__year=2026").status_code == 200
    assert client.get("/admin/accounts/user/?is_staff__exact=1").status_code == 200


@pytest.mark.parametrize("page", ADMINS)
def test_rows_are_referred_to_by_columns_alone(page, request_):
    """``?_to_field=``, of which Django asks what no relation from elsewhere has."""
    for field in page.model._meta.get_fields(include_hidden=True):
        assert not page.to_field_allowed(request_, field.name) or field.concrete
    assert page.to_field_allowed(request_, page.model._meta.pk.name)
    assert not page.to_field_allowed(request_, "no_such_column")


@pytest.mark.parametrize(
    ("model", "name"),
    [("case", "referencestandard"), ("case", "image"), ("case", "prediction"),
     ("study", "studymodel"), ("study", "protocol"), ("study", "cohort")],
)  # fmt: skip
def test_a_list_is_not_asked_by_a_relation(model, name):
    factories.make_user("root", is_staff=True, is_superuser=True)
    path = f"/admin/cohorts/{model}/?_to_field={name}"
    assert sign_in("root").get(path).status_code == 400


def test_a_lookup_is_followed_to_the_column_that_it_ends_at():
    assert field_path(Reading, "confidence__gte") == ("confidence",)
    assert field_path(Reading, "assignment__reader__study__id__exact") == (
        "assignment", "reader", "study",
    )  # fmt: skip
    assert field_path(Reading, "pk__in") == ("id",)
    assert field_path(Reading, "no_such_column") == ()
