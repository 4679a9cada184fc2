"""The study's page in the admin: what is missing, and the steps of its life, each by password."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from analysis.models import AnalysisRun
from analysis.plan import Plan
from analysis.registration import register
from inference.models import InferenceJob
from readerstudy.accounts.throttle import FREE
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Reader
from readerstudy.studies.models import ReferenceStandard, Study
from tests import factories
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db


@shared
def draft():
    return factories.make_draft(cases=2)


@pytest.fixture
def admin() -> Client:
    factories.make_user("admin", is_staff=True, is_superuser=True)
    return sign_in("admin")


def page_of(client: Client, study: Study) -> str:
    return client.get(f"/admin/cohorts/study/{study.pk}/change/").content.decode()


def step(client: Client, study: Study, name: str, **given) -> str:
    """Confirm a step; the page that comes of it."""
    form = {"password": factories.PASSWORD, "reason": "because"} | given
    url = f"/admin/cohorts/study/{study.pk}/step/{name}/"
    response = client.post(url, form, follow=True)
    study.refresh_from_db()
    return response.content.decode()


def test_an_admin_leads_a_study_through_its_life(admin, draft):
    way = [("open", "open"), ("pause", "paused"), ("resume", "open"), ("lock", "locked"),
           ("unblind", "unblinded"), ("archive", "archived")]  # fmt: skip
    for name, state in way:
        assert f"step/{name}/" in page_of(admin, draft)
        step(admin, draft, name)
        assert draft.state == state
    taken = AuditEvent.objects.filter(action__startswith="study.", outcome="done").order_by("pk")
    assert [event.action for event in taken] == [f"study.{name}" for name, _ in way]
    assert {event.actor for event in taken} == {"admin"}
    assert {event.detail["reason"] for event in taken} == {"because"}
    page = page_of(admin, draft)
    assert "step/" not in page
    assert all(f"<td>{name}</td>" in page for name, _ in way)


@pytest.mark.parametrize(
    ("state", "offered"),
    [("draft", {"open"}), ("open", {"pause", "lock"}), ("paused", {"resume", "lock"}),
     ("locked", {"unblind"}), ("unblinded", {"archive"}), ("archived", set())],
)  # fmt: skip
def test_only_the_steps_that_are_possible_are_offered(state, offered, admin, draft):
    ways = {"draft": [], "open": ["open"], "paused": ["open", "pause"], "locked": ["open", "lock"],
            "unblinded": ["open", "lock", "unblind"],
            "archived": ["open", "lock", "unblind", "archive"]}  # fmt: skip
    for name in ways[state]:
        step(admin, draft, name)
    page = page_of(admin, draft)
    steps = ["open", "pause", "resume", "lock", "unblind", "archive"]
    assert {name for name in steps if f"/step/{name}/" in page} == offered
    for name in set(steps) - offered:
        assert (
            "is not possible now"
            in admin.get(
                f"/admin/cohorts/study/{draft.pk}/step/{name}/", follow=True
            ).content.decode()
        )


def test_a_wrong_password_moves_nothing_and_is_on_record(admin, draft):
    page = step(admin, draft, "open", password="wrong")
    assert "Wrong password" in page
    assert draft.state == "draft"
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.outcome, event.target) == (
        "account.confirm", "admin", "refused", "study.open",
    )  # fmt: skip


def test_after_some_wrong_passwords_none_is_looked_at(admin, draft):
    for _ in range(FREE):
        assert "Wrong password" in step(admin, draft, "open", password="wrong")
    assert "Too many wrong passwords" in step(admin, draft, "open")
    assert draft.state == "draft"
    assert AuditEvent.objects.first().action == "account.confirm_throttled"
    other = factories.make_user("other", is_staff=True, is_superuser=True)
    step(sign_in(other.username), draft, "open")  # nobody else is shut out
    assert draft.state == "open"


def test_the_checklist_says_what_is_missing_and_where(admin, draft):
    ReferenceStandard.objects.filter(case__cohort__study=draft).first().delete()
    page = page_of(admin, draft)
    assert "1 cases have no reference standard" in page
    assert 'data-state="missing"' in page
    assert 'href="/admin/cohorts/case/?cohort__study__id__exact=' in page
    assert "1 cases have no reference standard" in step(admin, draft, "open")
    assert draft.state == "draft"
    refused = AuditEvent.objects.first()
    assert (refused.action, refused.outcome) == ("study.open", "refused")
    assert "1 cases have no reference standard." in refused.detail["reasons"]


def test_a_pause_asks_for_its_reason(admin, draft):
    step(admin, draft, "open")
    assert "This field is required" in step(admin, draft, "pause", reason=" ")
    assert draft.state == "open"
    step(admin, draft, "pause", reason="The server moves")
    assert "The server moves" in page_of(admin, draft)


def test_an_early_lock_says_how_early_and_asks_for_its_reason(admin, draft):
    step(admin, draft, "open")
    factories.read_next(draft.reader_set.first())
    page = admin.get(f"/admin/cohorts/study/{draft.pk}/step/lock/").content.decode()
    assert "7 diagnoses are missing" in page
    assert "This field is required" in step(admin, draft, "lock", reason="")
    assert draft.state == "open"
    step(admin, draft, "lock", reason="Funding ended")
    event = AuditEvent.objects.get(action="study.lock")
    assert (event.detail["unread"], event.detail["reason"]) == (7, "Funding ended")


def test_a_lock_after_everything_is_read_asks_for_none(admin, draft):
    step(admin, draft, "open")
    factories.read_all(draft)
    step(admin, draft, "lock", reason="")
    assert draft.state == "locked"


def test_two_investigators_unblind_and_whoever_asked_is_offered_no_confirmation(draft):
    draft.protocol.unblinding_needs_two = True
    draft.protocol.save()
    ivan, irene = (
        sign_in(factories.make_investigator(draft, n).username) for n in ("ivan", "irene")
    )
    for name in ("open", "lock"):
        step(ivan, draft, name)
    step(ivan, draft, "ask-unblinding", reason="All is done")
    assert "ivan requested the unblinding" in page_of(ivan, draft)
    assert "confirm-unblinding" not in page_of(ivan, draft)
    assert "Another person must confirm" in step(ivan, draft, "confirm-unblinding")
    assert draft.state == "locked"
    assert "confirm-unblinding" in page_of(irene, draft)
    step(irene, draft, "confirm-unblinding")
    assert draft.state == "unblinded"


@pytest.mark.parametrize("name", ["open", "pause", "lock", "unblind", "archive", "ask-unblinding"])
@pytest.mark.parametrize("person", ["clerk", "data manager", "auditor", "reader made admin"])
def test_a_step_is_for_those_who_have_the_right(person, name, draft):
    user = factories.make_user("somebody", is_staff=person == "clerk")
    if person == "clerk":
        user.user_permissions.add(Permission.objects.get(codename="view_study"))
    elif person == "reader made admin":
        user = Reader.objects.filter(study=draft).first().user
        lifecycle.open_study(draft, by="test")
        user.is_staff = user.is_superuser = True
        user.set_password(factories.PASSWORD)
        user.save()
    else:
        draft.membership_set.create(user=user, role=person.replace(" ", "_"))
    before = Study.objects.get().state
    client = sign_in(user.username)
    url = f"/admin/cohorts/study/{draft.pk}/step/{name}/"
    assert client.get(url).status_code == 403
    assert client.post(url, {"password": factories.PASSWORD, "reason": "x"}).status_code == 403
    assert Study.objects.get().state == before
    refused = AuditEvent.objects.filter(action=f"study.{name}", outcome="refused", study="study")
    assert refused.count() == 2
    assert "step/" not in page_of(client, draft)


def test_no_step_of_another_study(draft):
    factories.make_investigator(factories.make_draft("other", cases=1), "ivan")
    url = f"/admin/cohorts/study/{draft.pk}/step/open/"
    assert sign_in("ivan").post(url, {"password": factories.PASSWORD}).status_code == 404


def test_there_is_no_other_step(admin, draft):
    url = f"/admin/cohorts/study/{draft.pk}/step/reopen/"
    assert admin.get(url).status_code == 404


def test_the_admin_runs_the_model(admin, draft):
    factories.choose_model(draft, factories.make_model())
    url = f"/admin/cohorts/study/{draft.pk}/run-model/"
    assert admin.get(url).status_code == 405
    assert "jobs are queued" in admin.post(url, follow=True).content.decode()
    assert InferenceJob.objects.filter(state="queued").count() == 2


def test_the_list_has_no_actions_of_its_own(admin, draft):
    page = admin.get("/admin/cohorts/study/").content.decode()
    assert 'name="action"' not in page


def test_a_new_study_leads_to_its_checklist(admin):
    data = {"title": "New", "slug": "new", "notice": ""}
    for prefix in ("protocol", "cohort_set", "studymodel", "reader_set", "membership_set"):
        data |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    page = admin.post("/admin/cohorts/study/add/", data, follow=True).content.decode()
    assert "The study has no protocol." in page
    assert "The checklist shows what is missing" in page


def test_an_archived_study_is_looked_at_and_changed_by_nobody(admin, draft):
    for name in ("open", "lock", "unblind", "archive"):
        step(admin, draft, name)
    assert 'name="title"' not in page_of(admin, draft)
    url = f"/admin/cohorts/study/{draft.pk}/change/"
    assert admin.post(url, {"title": "Other"}).status_code == 403
    admin.post(f"/admin/cohorts/study/{draft.pk}/run-model/")
    assert not InferenceJob.objects.exists()


def test_results_of_an_archived_study_stay_and_no_run_is_added(draft):
    for name in ("open", "lock", "unblind"):
        getattr(lifecycle, f"{name}_study")(draft, by="test")
    factories.draw(factories.analyse(draft), "metrics.csv")
    lifecycle.archive_study(draft, by="test")
    factories.make_investigator(draft)
    ivan = sign_in("ivan")
    page = ivan.get("/results/study/").content.decode()
    assert "The study is archived" in page
    assert "Run analysis" not in page
    assert ivan.get("/results/study/runs/1/").status_code == 200
    assert ivan.get("/results/study/runs/1/metrics.csv").status_code == 200
    refused = ivan.post("/results/study/runs/")
    assert refused.status_code == 409
    assert "no new run can be started" in refused.content.decode()
    assert AnalysisRun.objects.count() == 1
    assert ivan.post("/results/study/plan/", {"document": "{}"}).status_code == 400


def test_no_study_is_archived_while_it_is_analysed(admin, draft):
    for name in ("open", "lock", "unblind"):
        step(admin, draft, name)
    AnalysisRun.objects.create(
        study=draft, number=1, plan_document="{}", plan_sha256="x", planned=False, created_by="x"
    )
    assert "An analysis is running (run 1)" in step(admin, draft, "archive")
    assert draft.state == "unblinded"


def test_the_protocol_may_ask_for_a_plan_before_the_opening(admin, draft):
    draft.protocol.plan_before_opening = True
    draft.protocol.save()
    assert "No analysis plan is registered" in step(admin, draft, "open")
    assert draft.state == "draft"
    register(draft, Plan(), by="ivan")
    step(admin, draft, "open")
    assert draft.state == "open"


def test_a_synthetic_study_opens_without_a_plan(draft):
    draft.is_synthetic = True
    draft.save()
    draft.protocol.plan_before_opening = True
    draft.protocol.save()
    lifecycle.open_study(draft, by="test")
