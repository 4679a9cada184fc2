"""Who was screened, excluded and enrolled: typed in or imported, and whether it adds up."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle, step_checks
from readerstudy.studies.imports import queue
from readerstudy.studies.models import Cohort, Exclusion, Screening, Study
from readerstudy.studies.screening.screening_consistency import screening_disagreements
from tests import factories
from tests.studies.importing import Kind, State, press, work_off

pytestmark = pytest.mark.django_db

LOG = """screening_id,cohort,outcome,reason,note
s1,internal,excluded,poor_cdfi,
s2,internal,enrolled,,
s3,internal,excluded,other,moved away
s4,internal,excluded,poor_cdfi,
s5,external,enrolled,,
"""
COUNTS = """cohort,outcome,reason,note,patients
,screened,,,1906
,excluded,other,incomplete or poor images,1143
,enrolled,,,763
"""


@pytest.fixture
def study():
    study = Study.objects.create(slug="study", title="Study")
    for name in ("internal", "external"):
        Cohort.objects.create(study=study, name=name)
    return study


@pytest.fixture
def client():
    client = Client()
    client.force_login(factories.make_user("ada", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def give(client, study):
    """Upload a log and have it checked."""

    def upload(text: str):
        form = {"study": study.pk, "upload": SimpleUploadedFile("log.csv", text.encode())}
        assert client.post("/admin/cohorts/screening/import/", form).status_code == 302
        return work_off()

    return upload


def stored() -> list[tuple]:
    return [
        (
            each.cohort and each.cohort.name, each.screened, each.enrolled,
            [(e.position, e.reason_text, e.patients) for e in each.exclusion_set.all()],
        )
        for each in Screening.objects.order_by("pk")
    ]  # fmt: skip


def test_a_log_of_patients_becomes_counts_in_the_order_of_exclusion(client, give):
    job = give(LOG)
    assert job.summary["internal"].startswith("4 screened, 3 excluded")
    assert not Screening.objects.exists()
    press(client, job)
    assert work_off().state == State.DONE
    reasons = [(1, "Poor colour Doppler image", 2), (2, "moved away", 1)]
    assert stored() == [("internal", 4, 1, reasons), ("external", 1, 1, [])]


def test_counts_of_all_cohorts_together(client, give):
    press(client, give(COUNTS))
    work_off()
    assert stored() == [(None, 1906, 763, [(1, "incomplete or poor images", 1143)])]


def test_another_log_takes_the_place_of_the_first_and_the_audit_log_has_both(client, give):
    for text in (LOG, COUNTS):
        press(client, give(text))
        work_off()
    assert (Screening.objects.count(), Exclusion.objects.count()) == (1, 1)
    event = AuditEvent.objects.filter(action="study.screening").latest("pk")
    assert set(event.detail["before"]) == {"internal", "external"}
    assert set(event.detail["after"]) == {""}


def test_the_same_log_again_is_there_already(client, give):
    press(client, give(LOG))
    work_off()
    assert give(LOG).reason.startswith("The study already has")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("s9,elsewhere,enrolled,,", "cohort"),
        ("s9,internal,lost,,", "outcome"),
        ("s9,internal,excluded,,", "reason"),
        ("s9,internal,excluded,ugly,", "reason"),
        ("s9,internal,excluded,other,", "note"),
        ("s9,internal,enrolled,poor_bus,", "reason"),
        ("s1,internal,enrolled,,", "screening_id"),
        ("s9,internal,screened,,", "outcome"),
        (",internal,enrolled,,", "patients"),
    ],
)
def test_what_is_wrong_is_told_by_row_and_column(give, row, column):
    job = give(f"{LOG}{row}\n")
    assert [(p.row, p.column) for p in queue.problems_of(job)] == [(7, column)]
    assert job.kind == Kind.SCREENING


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (COUNTS.replace("1906", "1907"), "1907 screened, but 1143 excluded and 763 enrolled"),
        (COUNTS + "internal,enrolled,,,3\n", "some rows name a cohort and some do not"),
    ],
)
def test_counts_that_do_not_add_up_are_refused(give, text, told):
    [problem] = queue.problems_of(give(text))
    assert told in problem.message


def test_what_disagrees_is_told():
    study = factories.make_draft(cases=3)
    first, second = study.cohort_set.all()
    assert screening_disagreements(study) == []
    screening = factories.make_screening(study, cohort=first, enrolled=2)
    assert screening_disagreements(study) == [f"No screening is recorded for cohort {second.name}."]
    factories.make_screening(study, cohort=second, enrolled=1)
    assert screening_disagreements(study) == []
    Screening.objects.filter(pk=screening.pk).update(screened=7, enrolled=3)
    assert screening_disagreements(study) == [
        f"Screening of cohort {first.name}: 7 patients screened, but 2 excluded and 3 enrolled.",
        f"Screening of cohort {first.name}: 3 patients enrolled, but there are 2 cases.",
    ]
    factories.make_screening(study, enrolled=3)
    assert any("Keep only one" in text for text in screening_disagreements(study))


def test_practice_is_no_part_of_it():
    study = factories.make_draft(cases=2)
    factories.make_practice(study, cases=1)
    factories.make_screening(study, enrolled=2)
    assert screening_disagreements(study) == []


def test_counts_are_typed_in_and_audited(client, study):
    form = {
        "study": study.pk, "cohort": study.cohort_set.first().pk, "screened": 5, "enrolled": 4,
        "exclusion_set-TOTAL_FORMS": 1, "exclusion_set-INITIAL_FORMS": 0,
        "exclusion_set-0-position": 1, "exclusion_set-0-reason": "poor_bus",
        "exclusion_set-0-note": "", "exclusion_set-0-patients": 1,
    }  # fmt: skip
    assert client.post("/admin/cohorts/screening/add/", form).status_code == 302
    assert stored() == [("internal", 5, 4, [(1, "Poor B-mode image", 1)])]
    event = AuditEvent.objects.get(action="study.screening")
    assert event.detail["excluded"] == [["poor_bus", "", 1]]


def test_a_cohort_of_another_study_is_refused(client, study):
    other = Study.objects.create(slug="other", title="Other")
    cohort = Cohort.objects.create(study=other, name="theirs")
    form = {
        "study": study.pk, "cohort": cohort.pk, "screened": 1, "enrolled": 1,
        "exclusion_set-TOTAL_FORMS": 0, "exclusion_set-INITIAL_FORMS": 0,
    }  # fmt: skip
    page = client.post("/admin/cohorts/screening/add/", form).content.decode()
    assert "This cohort does not belong to" in page
    assert not Screening.objects.exists()


def test_a_study_does_not_open_on_numbers_that_do_not_add_up():
    study = factories.make_draft(cases=2)
    factories.make_screening(study, enrolled=3)
    [line] = [line for line in step_checks.checklist(study, "open") if line.title == "Screening"]
    assert line.state == step_checks.LineState.MISSING
    assert "3 patients enrolled, but there are 2 cases" in line.why[0]
    with pytest.raises(lifecycle.StepNotPossible, match="3 patients enrolled"):
        lifecycle.open_study(study, by="test")
