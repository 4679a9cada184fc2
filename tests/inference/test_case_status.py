"""Failed and poor inputs are told to investigators and admins, case by case."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inference import queue
from inference.case_status import model_inputs
from readerstudy.reading import lifecycle, opening_requirements
from readerstudy.studies import models as cohorts
from tests import factories
from tests.rules.walk import sign_in

pytestmark = pytest.mark.django_db
COHORT = "Harbin"
REASON = "ValueError: the stored bus image no longer matches its SHA-256"
NOTE = "BUS is small (40 x 32 pixels): the model needs 224 a side."


def make_study(slug: str, *, failed: int = 0, pending: int = 0, poor: int = 0, sound: int = 1):
    """A draft, and its cases in that order."""
    count = failed + pending + poor + sound
    study = factories.make_draft(slug, cases=count, readers=(f"{slug}-reader",), cohorts=(COHORT,))
    version = factories.make_model()
    factories.choose_model(study, version)
    cases = list(cohorts.testing_cases(study))
    for number, case in enumerate(cases):
        if number < failed:
            [job] = queue.enqueue(cases=[case], model_version=version)
            [claimed] = queue.QUEUE.claim([job])
            queue.QUEUE.fail(claimed, reason=REASON)
        elif number < failed + pending:
            queue.enqueue(cases=[case], model_version=version)
        elif number < failed + pending + poor:
            factories.make_prediction(case, version, notes=[NOTE])
        else:
            factories.make_prediction(case, version)
    return study, cases


def inputs_of(study):
    return model_inputs(cohorts.testing_cases(study), model_version=study.studymodel.model_version)


def test_each_case_is_told_once_with_its_reason_or_notes():
    study, cases = make_study("mixed", failed=2, pending=1, poor=2, sound=1)
    inputs = inputs_of(study)
    assert [(told.case, told.text) for told in inputs.failed] == [(c, REASON) for c in cases[:2]]
    assert inputs.pending == cases[2:3]
    assert inputs.done == cases[3:]
    assert [(told.case, told.text) for told in inputs.poor] == [(c, NOTE) for c in cases[3:5]]


def test_a_failure_of_images_since_replaced_counts_no_more():
    study, [case, *_] = make_study("replaced", failed=1)
    cohorts.Image.objects.filter(case=case, modality="bus").update(sha256="0" * 64)
    inputs = inputs_of(study)
    assert (inputs.failed, inputs.pending) == ([], [case])


def test_the_investigator_sees_which_and_why():
    study, cases = make_study("page", failed=1, pending=1, poor=1, sound=2)
    factories.make_investigator(study)
    page = sign_in("ivan").get("/results/page/").content.decode()
    assert "Cases with a model result: 3. Without one: 1." in " ".join(page.split())
    assert "Failed: 1. With poor images: 1." in " ".join(page.split())
    for case, text in ((cases[0], REASON), (cases[2], NOTE)):
        row = f'{COHORT}</td><th scope="row">{case.case_id}</th><td class="text prose">{text}</td>'
        assert row in page
    assert cases[1].case_id not in page
    assert cases[3].case_id not in page


def test_a_long_list_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr("analysis.views.INPUTS_LISTED", 2)
    study, _ = make_study("long", failed=3)
    factories.make_investigator(study)
    page = sign_in("ivan").get("/results/long/").content.decode()
    assert page.count(REASON) == 2
    assert "The first 2 of 3 are listed." in page


def test_a_study_without_a_model_has_its_page():
    study = factories.make_draft("none")
    study.studymodel.delete()
    factories.make_investigator(study)
    assert (
        "No model version is selected yet" in sign_in("ivan").get("/results/none/").content.decode()
    )


@pytest.mark.parametrize("of", ["page", "refusal", "job list"])
def test_the_number_of_queries_does_not_depend_on_the_number_of_cases(of):
    factories.make_user("root", is_staff=True, is_superuser=True)
    counts = []
    for slug, size in (("few", 1), ("many", 7)):
        study, _ = make_study(slug, failed=size, pending=size, poor=size)
        factories.make_investigator(study)
        ivan, root = sign_in("ivan"), sign_in("root")
        visits = {
            "page": lambda slug=slug, ivan=ivan: ivan.get(f"/results/{slug}/"),
            "refusal": lambda study=study: lifecycle.missing_to_open(study),
            "job list": lambda root=root: root.get("/admin/inference/inferencejob/"),
        }
        with CaptureQueriesContext(connection) as queries:
            visits[of]()
        counts.append(len(queries))
    assert counts[0] == counts[1] < 45


def test_a_study_with_failures_says_on_which_cases_and_why():
    study, cases = make_study("shut", failed=2, pending=1)
    pending, failed = lifecycle.missing_to_open(study)
    assert pending == "1 cases have no model result yet. Run the model first."
    assert failed == (
        "The model failed on 2 cases. Fix the cause, then run the model again. "
        f"{COHORT} / {cases[0].case_id}: {REASON}; {COHORT} / {cases[1].case_id}: {REASON}."
    )


def test_of_many_failures_it_names_the_first():
    study, _ = make_study("shut", failed=opening_requirements.NAMED_AT_MOST + 3)
    [reason] = lifecycle.missing_to_open(study)
    assert reason.count(REASON) == opening_requirements.NAMED_AT_MOST
    assert "The model failed on 8 cases" in reason
    assert reason.endswith("and 3 more (see the job list in the admin).")


def test_poor_images_keep_no_study_shut():
    study, _ = make_study("poor", poor=2)
    assert lifecycle.missing_to_open(study) == []


def test_the_admins_job_list_shows_reasons_and_notes(tiny):
    study = factories.make_draft("listed", cases=1)
    factories.choose_model(study, tiny())
    [job] = lifecycle.queue_model(study)
    [done] = queue.QUEUE.claim([job])
    queue.QUEUE.finish(done)
    factories.make_prediction(done.case, done.model_version, notes=[NOTE])
    factories.make_user("root", is_staff=True, is_superuser=True)
    page = sign_in("root").get("/admin/inference/inferencejob/").content.decode()
    assert f'<td class="field-notes">{NOTE}</td>' in page
