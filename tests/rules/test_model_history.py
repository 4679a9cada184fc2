"""Settings keep every state that they were in, and what changes them goes to the audit log."""

import ast
from pathlib import Path

import pytest
from django.contrib import admin
from django.test import Client

from inference.models import ModelVersion, StudyModel
from readerstudy.accounts.models import User
from readerstudy.audit.admin_site import Audited
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.simple_history_setup import tracked_models
from readerstudy.reading.models import Reader
from readerstudy.studies.models import Case, Cohort, Membership, Protocol, Study
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {User, Study, Protocol, Membership, Cohort, StudyModel, Reader, ModelVersion}
UNSEEN = {"update", "bulk_create", "bulk_update", "_raw_delete", "save_without_historical_record"}


@pytest.fixture
def client(client):
    client.force_login(factories.make_user("admin", is_staff=True, is_superuser=True))
    return client


def last(action: str) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).first()


def test_these_settings_keep_their_history():
    assert set(tracked_models()) >= SETTINGS


def test_every_state_is_kept_with_who_brought_it_about(client):
    user = factories.make_user("anna", email="anna@example.org")
    page = f"/admin/accounts/user/{user.pk}/change/"
    data = {"username": "anna", "is_active": "on", "email": "anna@hospital.example",
            "date_joined_0": "2026-01-31", "date_joined_1": "10:00:00"}  # fmt: skip
    answer = client.post(page, data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    now, before = User.history.filter(id=user.pk).order_by("-history_id")[:2]
    assert (before.email, now.email) == ("anna@example.org", "anna@hospital.example")
    assert (before.history_user, now.history_user) == ("", "admin")
    event = last("admin.change")
    assert (event.actor, event.target) == ("admin", f"accounts.user {user.pk}: anna")
    assert event.detail["before"]["email"] == "anna@example.org"
    assert event.detail["after"]["email"] == "anna@hospital.example"
    shown = client.get(f"/admin/accounts/user/{user.pk}/history/").content.decode()
    assert "anna@example.org → anna@hospital.example" in shown


def test_no_password_is_kept_and_a_sign_in_is_no_new_state():
    user = factories.make_user("anna")
    assert not hasattr(User.history.model, "password")
    states = User.history.filter(id=user.pk).count()
    assert Client().login(username="anna", password=factories.PASSWORD)
    user.refresh_from_db()
    assert user.last_login
    assert User.history.filter(id=user.pk).count() == states


def test_a_user_who_is_deleted_leaves_the_history():
    user = factories.make_user("anna")
    pk = user.pk
    user.delete()
    assert [s.history_type for s in User.history.filter(id=pk).order_by("pk")] == ["+", "-"]


def test_a_study_with_its_inlines(client):
    data = {"slug": "one", "title": "One", "is_synthetic": "on", "notice": ""}
    page = client.get("/admin/cohorts/study/add/")
    for formset in page.context["inline_admin_formsets"]:
        prefix = formset.formset.prefix
        data |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    data |= {"cohort_set-TOTAL_FORMS": "1", "cohort_set-0-name": "A",
             "cohort_set-0-role": "practice", "cohort_set-0-hospital": "H"}  # fmt: skip
    answer = client.post("/admin/cohorts/study/add/", data)
    assert answer.status_code == 302, answer.content.decode()
    event = last("admin.add")
    assert (event.study, event.detail["before"]) == ("one", {})
    assert event.detail["after"]["title"] == "One"
    [cohort] = event.detail["inlines"]
    assert (cohort["after"]["name"], cohort["before"]) == ("A", {})
    pk = Cohort.objects.get().pk
    assert cohort["row"] == f"cohorts.cohort {pk}"
    client.post(f"/admin/cohorts/cohort/{pk}/delete/", {"post": "yes"})
    event = last("admin.delete")
    assert (event.study, event.detail["before"]["hospital"]) == ("one", "H")
    assert event.detail["after"] == {}


def test_what_is_sealed_is_not_told(client):
    case = factories.make_draft(cases=1).cohort_set.first().case_set.get()
    page = client.get(f"/admin/cohorts/case/{case.pk}/change/")
    data = {name: page.context["adminform"].form[name].value() for name in
            ("cohort", "case_id", "sex", "age", "diameter_mm", "location", "neck_level",
             "instrument")}  # fmt: skip
    truth = case.referencestandard
    data |= {"image_set-TOTAL_FORMS": "0", "image_set-INITIAL_FORMS": "0", "age": "44",
             "referencestandard-TOTAL_FORMS": "1", "referencestandard-INITIAL_FORMS": "1",
             "referencestandard-0-id": truth.pk, "referencestandard-0-case": case.pk,
             "referencestandard-0-malignancy": "malignant",
             "referencestandard-0-etiology": "lymphoma",
             "referencestandard-0-pathologic_method": "excisional_biopsy"}  # fmt: skip
    answer = client.post(f"/admin/cohorts/case/{case.pk}/change/", data)
    assert answer.status_code == 302, answer.content.decode()
    event = last("admin.change")
    assert (event.detail["before"], event.detail["after"]) == ({"age": 41}, {"age": 44})
    [inline] = event.detail["inlines"]
    assert set(inline["after"]) == {"malignancy", "etiology", "pathologic_method"}
    assert set(inline["after"].values()) == {"(not shown)"} == set(inline["before"].values())


def test_a_deletion_of_many_is_told_of_each(client):
    users = [factories.make_user(name).pk for name in ("anna", "boris")]
    client.post("/admin/accounts/user/", {"action": "delete_selected", "_selected_action": users,
                                          "post": "yes"})  # fmt: skip
    events = AuditEvent.objects.filter(action="admin.delete")
    assert [event.detail["before"]["username"] for event in events] == ["boris", "anna"]
    assert {event.detail["before"]["password"] for event in events} == {"(not shown)"}


def test_every_page_of_the_admin_is_audited():
    assert [m for m, page in admin.site._registry.items() if not isinstance(page, Audited)] == []


def _calls(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, ast.unparse(node.func.value)


def _sources():
    for package in ("readerstudy", "inference", "analysis"):
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


# By file and what is called on: a column that is no setting and keeps no history; and the states
# of a study that comes from another site, whose own history comes with its events.
ALLOWED = {
    ("readerstudy/accounts/sessions.py", "User.objects.filter(pk=user.pk)"),
    (
        "readerstudy/exchange/bundles/study_import.py",
        "Study.objects.filter(pk=self._keys[Study][1])",
    ),
}


def test_nothing_passes_by_the_history():
    """``update`` and its like write no history: no code uses them on what keeps one."""
    names = {model.__name__ for model in tracked_models()}
    sets = {f"{name.lower()}_set" for name in names}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in _sources()
        for node, of in _calls(ast.parse(path.read_text(encoding="utf-8")))
        if node.func.attr in UNSEEN
        and (any(f"{name}.objects" in of for name in names) or any(each in of for each in sets))
        and (str(path.relative_to(ROOT)), of) not in ALLOWED
    ]
    assert found == []


def test_a_case_keeps_none():
    """The cohort's history is the import's event: 10,000 cases need no second table."""
    assert Case not in tracked_models()
