"""The investigator's pages: a plan to register, runs to start, results as they are stored."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from analysis import execution, run_queue
from analysis.models import AnalysisRun, RegisteredPlan
from analysis.plan import Intervals, Plan
from analysis.registration import register
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle
from readerstudy.studies.models import Study
from tests import factories
from tests.factories import QUICK
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db
PAGE, PLAN, RUNS = "/results/study/", "/results/study/plan/", "/results/study/runs/"


def make_opened() -> Study:
    study = factories.make_open(cases=4, readers=("anna", "boris"))
    factories.read_all(study)
    factories.make_investigator(study)
    return study


opened = shared(make_opened)


@shared
def study():
    study = make_opened()
    factories.finish(study)
    return study


@pytest.fixture
def ivan(db):
    return sign_in("ivan")


@pytest.fixture
def children(monkeypatch, django_capture_on_commit_callbacks):
    """The kinds of job for which a child process would have been started."""
    started = []
    monkeypatch.setattr("readerstudy.jobs.dispatch.start_child", started.append)
    return started


def text(response) -> str:
    return re.sub(r"<[^>]+>|\s+", " ", response.content.decode())


# The plan.


def test_the_default_plan_is_offered_and_registered_as_it_stands(opened, ivan):
    page = ivan.get(PAGE)
    assert "No plan is registered yet" in text(page)
    offered = page.context["form"]["document"].value()
    assert offered == Plan().to_document()
    sent = offered.replace("\n", "\r\n")  # as browsers send a text area
    assert ivan.post(PLAN, {"document": sent}).status_code == 302
    assert RegisteredPlan.objects.get().sha256 == Plan().sha256()
    page = text(ivan.get(PAGE))
    assert "Registered by ivan" in page
    assert Plan().sha256() in page


def test_a_changed_plan_is_registered_and_may_be_replaced(opened, ivan):
    plan = replace(Plan(), seed=5)
    ivan.post(PLAN, {"document": plan.to_document()})
    ivan.post(PLAN, {"document": Plan().to_document()})
    page = text(ivan.get(PAGE))
    assert f"Replaced: registered by ivan on {timezone.now():%Y-%m-%d}" in page
    assert [p.sha256 for p in RegisteredPlan.objects.all()] == [plan.sha256(), Plan().sha256()]


def test_a_text_that_is_no_plan_comes_back_with_every_problem(opened, ivan):
    sent = '{"seed": -1, "intervals": {"level": 2.0}, "multiplicity": "<b>none</b>"}'
    response = ivan.post(PLAN, {"document": sent})
    assert response.status_code == 400
    for problem in ("seed: must be at least 0", "intervals.level: must be below 1", "&lt;b&gt;"):
        assert problem in response.content.decode()
    assert response.context["form"]["document"].value() == sent
    assert not RegisteredPlan.objects.exists()


@pytest.mark.parametrize("sent", ["x" * 20_001, "\x00", "[" * 10_000, '{"\\ud800": 1}'])
def test_hostile_text_is_refused_in_words(sent, opened, ivan):
    response = ivan.post(PLAN, {"document": sent})
    assert response.status_code == 400
    assert 'role="alert"' in response.content.decode()


def test_the_plan_that_counts_is_not_registered_again(opened, ivan):
    register(opened, Plan(), by="ivan")
    response = ivan.post(PLAN, {"document": Plan().to_document()})
    assert response.status_code == 400
    assert "already registered" in text(response)


def test_no_plan_is_registered_after_the_unblinding(study, ivan):
    response = ivan.post(PLAN, {"document": Plan().to_document()})
    assert response.status_code == 400
    assert "The study is unblinded" in text(response)
    assert "No plan was registered before the study was unblinded." in text(ivan.get(PAGE))


# Starting a run.


def test_the_button_queues_the_registered_plan(
    opened, ivan, children, django_capture_on_commit_callbacks
):
    register(opened, QUICK, by="ivan")
    factories.finish(opened)
    with django_capture_on_commit_callbacks(execute=True):
        response = ivan.post(RUNS)
    assert response["Location"] == f"{RUNS}1/"
    assert children == ["analysis"]
    run = AnalysisRun.objects.get()
    assert (run.state, run.planned, run.created_by) == ("queued", True, "ivan")
    assert run.plan_sha256 == QUICK.sha256()
    assert "Waiting for a worker." in text(ivan.get(f"{RUNS}1/"))
    factories.draw(execution.execute(run.pk), "pages/")
    page = text(ivan.get(f"{RUNS}1/"))
    assert "Plan registered before the study was unblinded." in page
    assert "xploratory" not in page


def test_another_plan_is_run_as_exploratory(study, ivan, children):
    ivan.post(RUNS, {"document": QUICK.to_document()})
    run = AnalysisRun.objects.get()
    assert (run.plan_sha256, run.planned) == (QUICK.sha256(), False)
    factories.draw(execution.execute(run.pk), "pages/")
    page = text(ivan.get(f"{RUNS}1/"))
    assert "Exploratory: this plan was not registered" in page
    assert "No section was planned" in page
    assert "exploratory" in text(ivan.get(PAGE))


def test_a_bad_plan_is_not_run(study, ivan, children):
    assert ivan.post(RUNS, {"document": "{"}).status_code == 400
    assert (AnalysisRun.objects.count(), children) == (0, [])


def test_two_clicks_are_one_run(study, ivan, children):
    first, second = ivan.post(RUNS), ivan.post(RUNS)
    assert first["Location"] == second["Location"]
    assert AnalysisRun.objects.count() == 1


@pytest.mark.parametrize("state", ["open", "locked"])
def test_no_run_is_started_before_the_unblinding(state, opened, ivan, children):
    if state == "locked":
        lifecycle.lock_study(opened, by="test")
    response = ivan.post(RUNS)
    assert response.status_code == 403
    assert "sealed" in text(response)
    assert AuditEvent.objects.first().action == "results.sealed"
    assert "Run analysis" not in text(ivan.get(PAGE))


# A run's page.


def test_the_first_visit_after_the_unblinding_offers_to_run(study, ivan):
    page = text(ivan.get(PAGE))
    assert "No analysis has been run yet" in page
    assert "Run analysis" in page
    assert not AnalysisRun.objects.exists()


def test_pages_show_what_is_stored_and_compute_nothing(study, ivan, monkeypatch):
    run = factories.analyse(study)
    factories.draw(run, "metrics.csv", "tests.csv")
    for heavy in (
        "analysis.load_study_data.load",
        "analysis.compute_results.compute",
        "analysis.execution.execute",
    ):
        monkeypatch.setattr(heavy, lambda *_args, **_kwargs: 1 / 0)
    for url in (PAGE, f"{RUNS}1/", f"{RUNS}1/metrics.csv", f"{RUNS}1/tests.csv"):
        assert ivan.get(url).status_code == 200
    stored = ivan.get(f"{RUNS}1/results.json")
    assert stored.content.decode() == run.results
    assert stored["Content-Type"] == "application/json"
    assert stored["Content-Disposition"] == 'attachment; filename="study-run-1-results.json"'


def test_the_page_has_the_digests_and_the_primary_endpoint(study, ivan):
    run = factories.analyse(study)
    page = text(ivan.get(f"{RUNS}1/"))
    for told in (run.plan_sha256, run.data_sha256, run.results_sha256, run.code_version,
                 QUICK.primary.text, "numpy", "not adjusted for multiple testing"):  # fmt: skip
        assert told in page


def test_every_section_of_the_plan_is_on_the_page(study, ivan):
    factories.analyse(study)
    page = ivan.get(f"{RUNS}1/").content.decode()
    document = json.loads(AnalysisRun.objects.get().results)
    laid_out = {"table2": "cohort-1", "table3": "permutations"}
    for section in document["sections"]:
        assert f'id="{laid_out.get(section["name"], section["name"])}"' in page


@pytest.mark.parametrize("method", ["basic", "bca"])
def test_the_caption_names_the_plans_methods(method, study, ivan):
    factories.analyse(study, replace(QUICK, intervals=Intervals(
        method=method, level=0.9, resamples=20), multiplicity="none"))  # fmt: skip
    page = text(ivan.get(f"{RUNS}1/"))
    assert f"with 90% bootstrap intervals ({method}" in page
    assert ("the published method, whose limits may lie outside" in page) == (method == "basic")
    assert "P-values are not adjusted" in page


@pytest.mark.parametrize("sections", [("flow",), ("table3",), ("primary", "roc")])
def test_a_plan_of_few_sections_has_a_page_and_files(sections, study, ivan):
    run = factories.analyse(study, replace(QUICK, sections=sections))
    factories.draw(run, "metrics.csv", "tests.csv")
    for url in (f"{RUNS}1/", f"{RUNS}1/metrics.csv", f"{RUNS}1/tests.csv"):
        assert ivan.get(url).status_code == 200


def test_readers_are_shown_a_page_at_a_time(study, ivan, monkeypatch):
    monkeypatch.setattr("analysis.run_page_context.READERS_SHOWN", 1)
    factories.analyse(study)
    first = ivan.get(f"{RUNS}1/").content.decode()
    second = ivan.get(f"{RUNS}1/?readers=2").content.decode()
    assert 'data-subject="R1"' in first
    assert 'data-subject="R2"' not in first
    assert 'data-subject="R2"' in second
    assert 'data-subject="R1"' not in second
    assert "Readers 2 to 2 of 2. The files contain all readers." in second
    for odd in ("0", "99", "x", "", "-1", "\x00"):
        assert ivan.get(f"{RUNS}1/", {"readers": odd}).status_code == 200


def test_a_failed_run_says_why_and_can_be_run_again(study, ivan, children, monkeypatch):
    monkeypatch.setattr("analysis.sections.flow.compute", lambda data, plan: 1 / 0)
    factories.analyse(study, QUICK)
    page = ivan.get(f"{RUNS}1/")
    assert "Patients and readings: ZeroDivisionError" in text(page)
    monkeypatch.undo()
    [document] = re.findall(r'name="document" value="([^"]+)"', page.content.decode())
    ivan.post(RUNS, {"document": document.replace("&quot;", '"')})
    assert AnalysisRun.objects.get(number=2).plan_sha256 == QUICK.sha256()


@pytest.mark.parametrize("url", [PAGE, f"{RUNS}1/"])
def test_whoever_looks_at_a_run_whose_process_died_sees_that(url, study, ivan):
    run = run_queue.start(study, QUICK, by="ivan")
    run_queue.KIND.queue.claim([run.pk])
    AnalysisRun.objects.filter(pk=run.pk).update(
        heartbeat_at=timezone.now() - timedelta(hours=1), steps_done=3
    )
    assert "ailed" in text(ivan.get(url))
    assert AnalysisRun.objects.get().state == "failed"


def test_a_run_under_way_shows_how_far_it_is(study, ivan):
    run = run_queue.start(study, QUICK, by="ivan")
    [claimed] = run_queue.KIND.queue.claim([run.pk])
    run_queue.KIND.queue.note_progress(claimed, steps_done=3, step="Table 1")
    page = ivan.get(f"{RUNS}1/").content.decode()
    assert '<progress max="14" value="3"' in page
    assert "now: Table 1" in page
    assert "analysis/run-progress.js" in page
    assert not AuditEvent.objects.filter(action="results.view").exists()
    for name in ("metrics.csv", "results.json"):
        assert ivan.get(f"{RUNS}1/{name}").status_code == 404


def test_a_run_is_of_its_own_study(study, ivan):
    another = factories.make_open("another", cases=1, readers=("dora",))
    factories.finish(another)
    factories.analyse(another)
    assert ivan.get(f"{RUNS}1/").status_code == 404
    assert ivan.get("/results/another/runs/1/").status_code == 404  # he is no investigator of it
    assert ivan.get(f"{RUNS}99999999999999999999/").status_code == 404


def test_views_and_downloads_are_audited(study, ivan):
    factories.draw(factories.analyse(study), "tests.csv")
    ivan.get(f"{RUNS}1/")
    ivan.get(f"{RUNS}1/tests.csv")
    download, view = AuditEvent.objects.all()[:2]
    assert (view.action, view.target) == ("results.view", "Run 1 of study")
    assert (download.action, download.target) == (
        "results.download", "Run 1 of study, tests.csv",
    )  # fmt: skip


def test_files_of_a_synthetic_study_say_so(opened, ivan):
    draft = factories.make_draft("made-up")
    type(draft).objects.filter(pk=draft.pk).update(is_synthetic=True)
    lifecycle.open_study(draft, by="test")
    factories.finish(draft)
    factories.make_investigator(draft)
    factories.draw(factories.analyse(draft), "metrics.csv")
    answer = ivan.get("/results/made-up/runs/1/metrics.csv")
    assert 'filename="made-up-synthetic-run-1-metrics.csv"' in answer["Content-Disposition"]
    assert json.loads(AnalysisRun.objects.get().results)["study"]["is_synthetic"]


def test_progress_is_counted_anew_while_a_study_takes_readings(opened, ivan):
    study = factories.make_open("busy", cases=2, readers=("carla",))
    factories.make_investigator(study)
    for read in (0, 1):
        assert f"{read} of 2" in text(ivan.get("/results/busy/"))
        factories.read_next(study.reader_set.get())
    lifecycle.lock_study(study, by="test")
    for _ in range(2):
        assert text(ivan.get("/results/busy/")).count("2 of 2") == 1


def test_no_other_study_stands_beside_the_paper(study, ivan):
    factories.analyse(study)
    assert "paper" not in ivan.get(f"{RUNS}1/").content.decode()
    assert ivan.get(f"{RUNS}1/paper/").status_code == 404
