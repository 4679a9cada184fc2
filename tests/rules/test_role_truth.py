"""The truth, the readings and the results, role by role; and who gives a role to whom."""

import re

import pytest
from django.test import Client

from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.reading.models import Reader, Reading
from readerstudy.studies import permissions
from readerstudy.studies.models import Case, Cohort, Membership, Protocol, Study
from readerstudy.studies.permissions import Action
from tests import factories
from tests.rules.role_world import PEOPLE, TRUTH, case_page, make_studies, unblind
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db
studies = shared(make_studies)


# Truth and readings.


def test_the_truth_is_the_data_managers_until_the_unblinding(alpha):
    assert {person: bool(TRUTH.search(case_page(person, alpha))) for person in PEOPLE} == {
        "investigator": False, "data_manager": True, "auditor": False,
    }  # fmt: skip
    for person in ("investigator", "auditor"):
        assert "pathologic" not in case_page(person, alpha).lower()
    unblind(alpha)
    assert all(TRUTH.search(case_page(person, alpha)) for person in PEOPLE)


def test_a_data_manager_mends_the_truth_of_a_draft_and_of_nothing_else(alpha):
    case = Case.objects.filter(cohort__study=alpha).first()
    url = f"/admin/cohorts/case/{case.pk}/change/"
    client = sign_in("data_manager")
    page = client.get(url).content.decode()
    form = dict(re.findall(r'name="([\w-]+)" value="([^"]*)"', page))
    form |= {"cohort": case.cohort_id, "sex": "male", "location": "left", "neck_level": "II",
             "referencestandard-0-malignancy": "malignant",
             "referencestandard-0-etiology": "metastatic_carcinoma",
             "referencestandard-0-pathologic_method": "needle_biopsy"}  # fmt: skip
    assert client.post(url, form).status_code == 302
    case.refresh_from_db()
    assert (case.sex, case.referencestandard.etiology) == ("male", "metastatic_carcinoma")
    factories.lifecycle.open_study(alpha, by="test")
    assert client.post(url, form | {"sex": "female"}).status_code == 403


@pytest.mark.parametrize("person", PEOPLE)
def test_readings_are_seen_after_the_unblinding(person, alpha):
    factories.lifecycle.open_study(alpha, by="test")
    reading = factories.read_next(Reader.objects.get(study=alpha))
    client = sign_in(person)
    pages = ("/admin/reading/reading/", f"/admin/reading/reading/{reading.pk}/change/")
    assert [client.get(page).status_code for page in pages] == [403, 403]
    assert "/admin/reading/reading/" not in client.get("/admin/").content.decode()
    unblind(Study.objects.get(pk=alpha.pk))
    assert [client.get(page).status_code for page in pages] == [200, 200]
    assert "Reactive" in client.get(pages[1]).content.decode()
    assert Reading.objects.count() == 4


def test_results_are_for_all_members_and_runs_for_investigators(alpha):
    for person in PEOPLE:
        client = sign_in(person)
        assert client.get("/results/alpha/").status_code == 200
        assert "sealed" in client.get("/results/alpha/runs/1/").content.decode()
        assert client.get("/results/beta/").status_code == 404
    unblind(alpha)
    factories.draw(factories.analyse(alpha), "data/readings.csv")
    for person in PEOPLE:
        client = sign_in(person)
        page = client.get("/results/alpha/").content.decode()
        assert ("<button" in page.partition("<main")[2]) == (person == "investigator")
        for url in ("", "results.json", "data/readings.csv"):
            assert client.get(f"/results/alpha/runs/1/{url}").status_code == 200
        started = client.post("/results/alpha/runs/", {"document": ""}).status_code
        assert (started == 403) == (person != "investigator")
        planned = client.post("/results/alpha/plan/", {"document": ""}).status_code
        assert (planned == 403) == (person != "investigator")
    assert AuditEvent.objects.filter(action="results.access", outcome="refused").exists()


def same_patients(alpha: Study, beta: Study, how: str) -> None:
    """Take a patient of alpha's into beta."""
    mine, theirs = (Case.objects.filter(cohort__study=study).first() for study in (alpha, beta))
    if how == "image":
        image = mine.image_set.first()
        theirs.image_set.filter(modality=image.modality).update(sha256=image.sha256)
        factories.make_prediction(theirs, beta.studymodel.model_version)
        factories.approve_images(beta)
    if how == "id":
        Cohort.objects.filter(study=beta).update(hospital=mine.cohort.hospital)


def opened(study: Study) -> None:
    """Before one of its readers gets a role elsewhere: afterwards it would be refused."""
    factories.lifecycle.open_study(study, by="test")
    study.refresh_from_db()


@pytest.mark.parametrize("how", ["neither", "image", "id"])
def test_who_reads_a_patient_elsewhere_is_not_told_the_truth_by_another_role(how, alpha, beta):
    """Boris reads in beta, and manages the data of alpha."""
    same_patients(alpha, beta, how)
    opened(beta)
    factories.make_member(alpha, "boris", "data_manager")
    told = how == "neither"
    boris = User.objects.get(username="boris")
    assert bool(TRUTH.search(case_page("boris", alpha))) == told
    assert permissions.may(boris, Action.SEE_TRUTH, alpha) == told
    assert permissions.may(boris, Action.IMPORT_TRUTH, alpha) == told
    assert case_page("boris", beta) == ""
    unblind(alpha)
    assert permissions.may(boris, Action.SEE_RESULTS, alpha) == told
    assert bool(TRUTH.search(case_page("boris", alpha))) == told
    assert sign_in("boris").get("/results/alpha/runs/1/").status_code == (404 if told else 403)
    unblind(beta)
    assert permissions.may(boris, Action.SEE_RESULTS, alpha)
    assert TRUTH.search(case_page("boris", alpha))


@pytest.mark.parametrize("how", ["neither", "image", "id"])
def test_who_reads_a_patient_elsewhere_takes_no_bundle_away(how, alpha, beta):
    """A bundle has the truth and all readings: an investigator is as blinded to it as a reader."""
    same_patients(alpha, beta, how)
    opened(beta)
    factories.make_member(alpha, "boris", "investigator")
    unblind(alpha)
    url = f"/admin/cohorts/study/{alpha.pk}/export/"
    told = how == "neither"
    assert sign_in("boris").get(url).status_code == (200 if told else 403)
    assert permissions.may(User.objects.get(username="boris"), Action.EXPORT, alpha) == told
    unblind(beta)
    assert sign_in("boris").get(url).status_code == 200


# Roles are given on the study's page, by admins.


def send_roles(client: Client, study: Study, *lines: dict):
    """Send the study's page back with these roles on it."""
    url = f"/admin/cohorts/study/{study.pk}/change/"
    page = client.get(url).content.decode()
    form = dict(re.findall(r'name="(\w+-(?:TOTAL|INITIAL)_FORMS)" value="(\d+)"', page))
    protocol = Protocol.objects.get(study=study)
    form |= {"title": study.title, "slug": study.slug, "protocol-0-id": protocol.pk,
             "protocol-0-study": study.pk, "protocol-0-design": protocol.design,
             "protocol-0-washout_days": 0, "protocol-0-seed": protocol.seed,
             "protocol-0-confidence": "none"}  # fmt: skip
    for rest in ("cohort_set", "reader_set", "studymodel"):
        form[f"{rest}-TOTAL_FORMS"] = form[f"{rest}-INITIAL_FORMS"] = 0
    form["membership_set-TOTAL_FORMS"] = len(lines)
    for number, line in enumerate(lines):
        form |= {f"membership_set-{number}-{name}": value for name, value in line.items()}
    return client.post(url, form)


def test_roles_given_changed_and_taken_are_audited_with_what_they_were(alpha):
    factories.make_user("root", is_staff=True, is_superuser=True)
    factories.make_user("nora")
    kept = {m.user.username: m for m in Membership.objects.filter(study=alpha)}

    def line(person: str, role: str, **more) -> dict:
        row = {"id": kept[person].pk} if person in kept else {}
        user = User.objects.get(username=person).pk
        return {"user": user, "role": role, "study": alpha.pk} | row | more

    answer = send_roles(
        sign_in("root"), alpha, line("investigator", "investigator"),
        line("data_manager", "auditor"), line("auditor", "auditor", DELETE="on"),
        line("nora", "data_manager"),
    )  # fmt: skip
    assert answer.status_code == 302, answer.content.decode()[:2000]
    told = AuditEvent.objects.filter(action="study.role", study="alpha", actor="root")
    assert {event.target: (event.detail["before"], event.detail["after"]) for event in told} == {
        "data_manager": ({"role": "data_manager"}, {"role": "auditor"}),
        "auditor": ({"role": "auditor"}, {"role": None}),
        "nora": ({"role": None}, {"role": "data_manager"}),
    }


@pytest.mark.parametrize("role", ["investigator", "data_manager", "auditor"])
@pytest.mark.parametrize("how", ["reads", "image", "id"])
def test_no_role_is_given_to_whoever_reads_the_study_or_its_patients(how, role, alpha, beta):
    factories.make_user("root", is_staff=True, is_superuser=True)
    same_patients(alpha, beta, how)
    person = User.objects.get(username="anna" if how == "reads" else "boris")
    Membership.objects.filter(study=alpha).delete()
    line = {"user": person.pk, "role": role, "study": alpha.pk}
    answer = send_roles(sign_in("root"), alpha, line)
    assert answer.status_code == 200
    assert "also have a role" in (text := answer.content.decode()) or "in another study" in text
    assert not Membership.objects.filter(study=alpha).exists()


@pytest.mark.parametrize("person", PEOPLE)
def test_no_member_gives_roles(person, alpha):
    factories.make_user("nora")
    line = {"user": "nora", "role": "data_manager", "study": alpha.pk}
    send_roles(sign_in(person, raise_request_exception=False), alpha, line)
    assert not Membership.objects.filter(user__username="nora").exists()
    page = sign_in(person).get(f"/admin/cohorts/study/{alpha.pk}/change/").content.decode()
    assert "membership_set-0-user" not in page
    assert all(name in page for name in PEOPLE)  # who has which role is told


def test_the_page_of_my_studies_names_the_role_and_leads_to_the_admin(alpha):
    for person, word in (("investigator", "an investigator"), ("data_manager", "a data manager"),
                         ("auditor", "an auditor")):  # fmt: skip
        page = sign_in(person).get("/").content.decode()
        assert f"You are {word}. The study is draft." in page
        assert f"/admin/cohorts/study/{alpha.pk}/change/" in page
