"""Each role may do in its own study what the members' table says, and in no other study at all."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Permission
from django.test import RequestFactory

from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.reading.lifecycle_steps import LifecycleStep
from readerstudy.reading.models import Reader
from readerstudy.studies import permissions
from readerstudy.studies.models import Case, Cohort, Membership, Study
from readerstudy.studies.permissions import ACTIONS, MODELS, NOBODY, Action, Verb
from readerstudy.studies.role_limited_admin import ByRole, InlineByRole
from tests import factories
from tests.rules import members
from tests.rules.matrix import routes
from tests.rules.members import OWN
from tests.rules.role_world import PEOPLE, TRUTH, case_page, make_studies, unblind
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db
studies = shared(make_studies)


def label(model) -> str:
    return model._meta.label_lower.replace(".", "/")


# Nothing is left undeclared.


def test_every_model_of_the_admin_is_declared_and_asks_for_roles():
    registered = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    assert set(registered) <= set(MODELS)
    assert {name.replace(".", "/") for name in registered} == set(members.ROWS)
    for name, page in registered.items():
        assert isinstance(page, ByRole) or MODELS[name] is NOBODY, name
        for inline in page.inlines:
            assert issubclass(inline, InlineByRole), inline
            assert inline.model._meta.label_lower in MODELS, inline


def test_every_action_of_a_study_is_declared():
    assert set(ACTIONS) == set(members.ACTIONS) == set(Action)


def test_no_list_offers_an_action_that_is_not_declared():
    for model, page in admin.site._registry.items():
        offered = {name for _function, name, _text in page._get_base_actions()}
        assert offered == members.LIST_ACTIONS.get(label(model), {"delete_selected"}), model


def test_a_model_without_a_rule_is_nobodys(alpha):
    parts = permissions.roles_of(User.objects.get(username="investigator"))
    for verb in Verb:
        assert permissions.roles_allowing(parts, Permission, verb) == []
    assert not permissions.rows_within(Permission.objects.all(), parts, model=Permission).exists()


# What is done with a study.


@pytest.mark.parametrize("state", ["draft", "unblinded"])
def test_actions_of_each_role_in_own_and_other_study(state, alpha, beta):
    if state == "unblinded":
        unblind(alpha)
        unblind(beta)
    for person, letter in OWN.items():
        for action, (before, after) in members.ACTIONS.items():
            expected = letter in before + (after if state == "unblinded" else "")
            user = User.objects.get(username=person)
            assert permissions.may(user, action, alpha) is expected, (person, action)
            assert not permissions.may(user, action, beta), (person, action)
            assert set(permissions.studies_for(user, action)) == ({alpha} if expected else set())


@pytest.mark.parametrize("action", list(Action))
def test_a_reader_and_a_stranger_may_do_nothing_with_a_study(action, alpha):
    factories.make_user("stranger")
    for person in ("anna", "stranger"):
        assert not permissions.may(User.objects.get(username=person), action, alpha)


def test_superusers_do_what_is_done_in_the_admin(alpha):
    root = factories.make_user("root", is_staff=True, is_superuser=True)
    for action, permit in ACTIONS.items():
        assert permissions.may(root, action, alpha) is bool(permit.staff)


@pytest.mark.parametrize("step", list(LifecycleStep))
def test_no_page_takes_a_step_that_the_role_forbids(step, alpha, beta):
    """Not even for somebody who may take it in another study."""
    factories.make_member(beta, "investigator", "auditor")
    sent = {"password": factories.PASSWORD, "reason": "because"}
    for person, study, status in (
        ("investigator", beta, 403), ("data_manager", beta, 404), ("auditor", beta, 404),
        ("data_manager", alpha, 403), ("auditor", alpha, 403),
    ):  # fmt: skip
        answer = sign_in(person).post(f"/admin/cohorts/study/{study.pk}/step/{step}/", sent)
        assert answer.status_code == status, (person, study)
    assert set(Study.objects.values_list("state", flat=True)) == {"draft"}
    refused = AuditEvent.objects.filter(study="beta", outcome="refused", actor="investigator")
    assert refused.filter(action=f"study.{step}").exists()


@pytest.mark.both_databases
def test_an_investigator_takes_the_steps_of_the_own_study(alpha, beta):
    client = sign_in("investigator")
    for step, state in (("open", "open"), ("pause", "paused"), ("resume", "open"),
                        ("lock", "locked")):  # fmt: skip
        sent = {"password": factories.PASSWORD, "reason": "because"}
        answer = client.post(f"/admin/cohorts/study/{alpha.pk}/step/{step}/", sent)
        assert answer.status_code == 302, answer.content.decode()[-1500:]
        alpha.refresh_from_db()
        assert alpha.state == state


@pytest.mark.parametrize("model", sorted(members.ROWS))
def test_only_drafts_of_ones_own_lose_a_row_and_only_by_role(model, alpha, beta):
    """The list's own "delete selected", confirmed, with rows of both studies."""
    found = next(m for m in admin.site._registry if label(m) == model)
    Reader.objects.filter(study=alpha).update(code="R9")
    before = set(found._default_manager.values_list("pk", flat=True))
    for person, letter in OWN.items():
        client = sign_in(person, raise_request_exception=False)
        sent = {"action": "delete_selected", "post": "yes", "_selected_action": sorted(before)}
        status = client.post(f"/admin/{model}/", sent).status_code
        assert status in (200, 302, 403)
        left = before & set(found._default_manager.values_list("pk", flat=True))
        if left != before:
            assert letter in members.DELETES.get(model, ""), (person, model)
            assert model == "reading/reader"  # nothing hangs on a reader of a draft
            assert list(Reader.objects.values_list("study__slug", flat=True)) == ["beta"]
            before = left
    if model == "reading/reader":
        assert Reader.objects.count() == 1


# What is shown of other studies: nothing.

OTHERS = ("Study beta", "/beta/", "BETA-", "other_", "boris", ">beta", "beta /")  # beta's own


@pytest.mark.parametrize("person", PEOPLE)
def test_no_page_of_the_admin_shows_anything_of_another_study(person, alpha, beta):
    unblind(alpha)
    unblind(beta)
    client = sign_in(person)
    seen = 0
    for model in sorted(members.ROWS):
        listed = client.get(f"/admin/{model}/")
        if listed.status_code != 200:
            continue
        text = listed.content.decode()
        rows = re.findall(rf'href="(/admin/{model}/\d+/change/)', text)
        pages = [text, client.get(f"/admin/{model}/?q=beta").content.decode()]
        pages += [client.get(row).content.decode() for row in rows[:2]]
        pages += [client.get(f"/admin/{model}/add/", follow=False).content.decode()]
        for page in pages:
            shown = page.replace("?q=beta", "").replace('value="beta"', "")
            assert [word for word in OTHERS if word in shown] == [], (model, person)
        seen += len(rows)
    assert seen > 5
    assert "alpha" in client.get("/admin/cohorts/study/").content.decode()


@pytest.mark.parametrize("person", PEOPLE)
def test_a_row_of_another_study_is_as_if_it_were_not_there_and_the_look_is_audited(
    person, alpha, beta
):
    client = sign_in(person)
    url = f"/admin/cohorts/case/{Case.objects.filter(cohort__study=beta).first().pk}/change/"
    there, nowhere = client.get(url), client.get("/admin/cohorts/case/999999/change/")
    assert there.status_code == nowhere.status_code == 404
    event = AuditEvent.objects.filter(target=url).get()
    assert (event.actor, event.outcome) == (person, "refused")


def test_nothing_is_added_to_another_study(alpha, beta):
    client = sign_in("investigator")
    page = client.get("/admin/cohorts/cohort/add/").content.decode()
    assert re.findall(r'<option value="(\d+)">', page.partition("</select>")[0]) == [str(alpha.pk)]
    form = {"name": "late", "role": "internal_testing", "hospital": ""}
    for study, status in ((beta, 200), (alpha, 302)):
        answer = client.post("/admin/cohorts/cohort/add/", form | {"study": study.pk})
        assert answer.status_code == status
    assert list(Cohort.objects.filter(name="late").values_list("study__slug", flat=True)) == [
        "alpha"
    ]


def test_nor_to_a_study_that_one_may_only_look_at(alpha, beta):
    factories.make_member(beta, "investigator", "auditor")
    client = sign_in("investigator")
    form = {"name": "late", "role": "internal_testing", "hospital": "", "study": beta.pk}
    assert client.get("/admin/cohorts/cohort/").content.decode().count("BETA-COHORT")
    assert client.post("/admin/cohorts/cohort/add/", form).status_code == 200
    assert not Cohort.objects.filter(name="late").exists()
    row = f"/admin/cohorts/cohort/{beta.cohort_set.get().pk}/"
    assert client.get(f"{row}change/").status_code == 200
    assert client.post(f"{row}change/", form).status_code == 403
    assert client.post(f"{row}delete/", {"post": "yes"}).status_code == 403


def test_a_reader_is_named_by_username_and_no_list_tells_who_is_on_the_site(alpha):
    factories.make_user("zoe")
    client = sign_in("investigator")
    asked = "?app_label=reading&model_name=reader&field_name=user&term=zo"
    assert client.get(f"/admin/autocomplete/{asked}").status_code == 403
    page = client.get("/admin/reading/reader/add/").content.decode()
    assert "zoe" not in page
    assert 'name="user"' in page
    form = {"study": alpha.pk, "code": "R7", "years_of_experience": 4, "group": "junior"}
    assert (
        "There is no user"
        in client.post("/admin/reading/reader/add/", form | {"user": "nobody"}).content.decode()
    )
    assert client.post("/admin/reading/reader/add/", form | {"user": "zoe"}).status_code == 302
    reader = Reader.objects.get(code="R7")
    assert reader.user.username == "zoe"
    page = client.get(f"/admin/reading/reader/{reader.pk}/change/").content.decode()
    assert 'value="zoe"' in page


# Who comes in.


def test_readers_do_not_come_in_and_members_leave_when_their_role_does(alpha):
    assert sign_in("anna").get("/admin/").status_code == 403
    client = sign_in("auditor")
    assert client.get("/admin/").status_code == 200
    Membership.objects.filter(user__username="auditor").delete()
    assert client.get("/admin/").status_code == 403


def test_djangos_permissions_are_worth_nothing_to_whoever_is_no_staff(alpha, beta):
    user = User.objects.get(username="auditor")
    user.user_permissions.set(Permission.objects.all())
    client = sign_in("auditor")
    assert client.get("/admin/accounts/user/").status_code == 403
    assert client.get(f"/admin/cohorts/study/{beta.pk}/change/").status_code == 404
    assert client.get("/admin/cohorts/study/add/").status_code == 403
    user.is_staff = True
    user.save()
    assert client.get("/admin/accounts/user/").status_code == 200
    assert client.get(f"/admin/cohorts/study/{beta.pk}/change/").status_code == 200


def test_staff_by_permission_see_every_study_as_before(alpha, beta):
    clerk = factories.make_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_case"))
    page = sign_in("clerk").get("/admin/cohorts/case/").content.decode()
    assert "ALPHA-COHORT" in page
    assert "BETA-COHORT" in page
    assert not TRUTH.search(case_page("clerk", alpha))


def test_a_page_that_refuses_a_member_tells_the_audit_log(alpha):
    sign_in("auditor").get("/admin/cohorts/study/add/")
    event = AuditEvent.objects.first()
    assert (event.actor, event.action, event.outcome) == ("auditor", "access", "refused")
    assert event.target == "/admin/cohorts/study/add/"


def test_nobody_comes_in_without_signing_in(alpha, rf: RequestFactory):
    request = rf.get("/admin/")
    request.user = AnonymousUser()
    assert not admin.site.has_permission(request)


# By the names of addresses; of rows of beta, in the test.
SAMPLES = {"step": "lock", "export_id": 1, "image_id": 1, "frame_id": 1}


@pytest.mark.parametrize("person", PEOPLE)
def test_every_page_of_another_study_is_as_unknown_as_that_study(person, alpha, beta):
    client = sign_in(person)
    there = {"study_id": beta.pk, "pk": beta.pk, "cohort_id": beta.cohort_set.get().pk}
    nowhere = dict.fromkeys(there, 987654)
    own = re.compile(r"admin/cohorts/(study|cohort)/<int:")
    pages = [route for route, _view, _spaces in routes() if own.match(route)]
    assert len(pages) >= 10
    told = {}
    for route in pages:
        for numbers in (there, nowhere):
            values = SAMPLES | numbers
            url = "/" + re.sub(r"<\w+:(\w+)>", lambda name, of=values: str(of[name[1]]), route)
            answers = client.get(url).status_code, client.post(url).status_code
            refused = (404, 405 if url.endswith(".png") else 404)  # images are only looked at
            if answers != refused:
                told[url] = answers
    assert told == {}
