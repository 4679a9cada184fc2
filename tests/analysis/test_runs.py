"""A run is computed once, from the data and the plan alone, and stays."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from analysis import canonical, execution, run_queue, sections
from analysis.models import AnalysisRun
from analysis.plan import Intervals, Plan
from analysis.registration import register
from analysis.unblinding_guard import ResultsSealed
from readerstudy.audit.models import AuditEvent
from readerstudy.jobs import dispatch, worker
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Assignment, Reading
from readerstudy.studies.models import Study
from tests import factories
from tests.factories import QUICK
from tests.worlds import shared

pytestmark = pytest.mark.django_db
FEW = replace(QUICK, sections=("flow", "table2"))
State = AnalysisRun.State


def make_locked() -> Study:
    study = factories.make_open(cases=4, readers=("anna", "boris"))
    for reader in study.reader_set.all():
        for _ in range(5):
            factories.read_next(reader)
    lifecycle.lock_study(study, by="test")
    study.refresh_from_db()
    return study


locked = shared(make_locked)


@shared
def study():
    study = make_locked()
    factories.unblind(study)
    return study


def test_a_run_keeps_its_results_and_where_they_come_from(study):
    run = factories.analyse(study, FEW)
    assert (run.state, run.number, run.created_by, run.reason) == ("done", 1, "test", "")
    assert run.finished_at is not None
    assert run.results_sha256 == canonical.sha256(run.results)
    document = json.loads(run.results)
    assert document["study"] == {"slug": "study", "is_synthetic": False, "notice": ""}
    assert document["data"]["sha256"] == run.data_sha256
    assert json.dumps(document["plan"], sort_keys=True, indent=1) == run.plan_document
    assert {"python", "numpy", "scipy", "statsmodels"} <= set(run.libraries)
    assert len(run.code_version.removesuffix("+changed")) in (5, 40)


def test_the_same_run_gives_the_same_bytes(study):
    first, second = (factories.analyse(study) for _ in range(2))
    assert first.results == second.results
    assert (first.number, second.number) == (1, 2)
    assert set(QUICK.sections) == {each["name"] for each in json.loads(first.results)["sections"]}


def test_another_plan_gives_other_bytes(study):
    other = replace(FEW, seed=9)
    assert factories.analyse(study, FEW).results != factories.analyse(study, other).results


def test_the_results_tell_nothing_of_when_and_by_whom(study):
    run = factories.analyse(study, FEW)
    assert str(timezone.now().year) not in run.results.replace(f'"seed":{FEW.seed}', "")
    assert "test" not in run.results.replace("testing", "").replace('"tests"', "").replace(
        '"test"', ""
    )


def test_a_later_reading_changes_no_stored_run(study):
    """The database takes none; even one that somebody forces into it does not."""
    run = factories.analyse(study, FEW)
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER reading_reading_no_insert")
    free = Assignment.objects.filter(reading__isnull=True).first()
    now = timezone.now()
    Reading.objects.create(
        assignment=free, malignancy="malignant", etiology="lymphoma", idempotency_key=uuid4(),
        started_at=now, submitted_at=now,
    )  # fmt: skip
    kept = AnalysisRun.objects.get(pk=run.pk)
    assert (kept.results, kept.data_sha256) == (run.results, run.data_sha256)
    assert factories.analyse(study, FEW).data_sha256 != run.data_sha256  # and it shows


# Sealed.


def test_no_run_before_the_unblinding(locked):
    with pytest.raises(ResultsSealed):
        run_queue.start(locked, FEW, by="ivan")
    stale = type(locked).objects.get(pk=locked.pk)
    stale.state = "unblinded"  # whatever somebody has in memory
    with pytest.raises(ResultsSealed):
        run_queue.start(stale, FEW, by="ivan")
    with pytest.raises(IntegrityError), transaction.atomic():
        AnalysisRun.objects.create(
            study=locked, number=1, plan_document="{}", plan_sha256="x", planned=False,
            created_by="somebody with a shell",
        )  # fmt: skip
    assert not AnalysisRun.objects.exists()


# Planned.


def test_a_run_by_the_registered_plan_is_planned(locked):
    register(locked, FEW, by="ivan")
    factories.unblind(locked)
    run = factories.analyse(locked, FEW)
    assert run.planned
    assert [each["planned"] for each in json.loads(run.results)["sections"]] == [True, True]


def test_a_run_by_another_plan_is_not_but_for_its_unchanged_sections(locked):
    register(locked, FEW, by="ivan")
    factories.unblind(locked)
    run = factories.analyse(locked, replace(FEW, intervals=Intervals(resamples=21)))
    assert not run.planned
    planned = {each["name"]: each["planned"] for each in json.loads(run.results)["sections"]}
    assert planned == {"flow": True, "table2": False}


def test_a_plan_that_was_replaced_counts_no_more(locked):
    register(locked, FEW, by="ivan")
    register(locked, Plan(), by="ivan")
    factories.unblind(locked)
    assert not factories.analyse(locked, FEW).planned


def test_without_a_registered_plan_nothing_is_planned(study):
    run = factories.analyse(study, FEW)
    assert not run.planned
    assert not any(each["planned"] for each in json.loads(run.results)["sections"])


# Frozen.

COLUMNS = [field.column for field in AnalysisRun._meta.concrete_fields]


def refused(sql: str, *values) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
    except IntegrityError as error:
        return "these rows are fixed" in str(error)
    return False


@pytest.mark.parametrize("ended", ["done", "failed"])
def test_a_run_that_has_ended_is_fixed(ended, study, monkeypatch):
    if ended == "failed":
        monkeypatch.setattr(sections.SECTIONS["flow"], "compute", lambda data, plan: 1 / 0)
    run = factories.analyse(study, FEW)
    assert run.state == ended
    for column in COLUMNS:
        assert refused(f"UPDATE analysis_analysisrun SET {column} = {column} WHERE id = %s", run.pk)
    assert refused("DELETE FROM analysis_analysisrun WHERE id = %s", run.pk)


@pytest.mark.parametrize(
    "column", ["study_id", "number", "plan_document", "plan_sha256", "planned", "created_by",
               "created_at"],
)  # fmt: skip
def test_what_a_waiting_run_was_asked_for_is_fixed_too(column, study):
    another = factories.make_open("another", cases=1, readers=("dora",))
    factories.finish(another)
    run = run_queue.start(study, FEW, by="ivan")
    value = {
        "study_id": another.pk, "number": 7, "planned": True,
        "created_at": timezone.now() - timedelta(days=1),
    }.get(column, "other")  # fmt: skip
    assert refused(f"UPDATE analysis_analysisrun SET {column} = %s WHERE id = %s", value, run.pk)
    assert refused("DELETE FROM analysis_analysisrun WHERE id = %s", run.pk)


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "lost"},
        {"state": "done", "finished_at": timezone.now()},  # without results
        {"state": "failed", "finished_at": timezone.now()},  # without a reason
        {"state": "failed", "reason": "x"},  # without an end
        {"results": "{}", "results_sha256": "x"},  # before the end
    ],
)
def test_an_unsound_run_is_refused(fields, study):
    run = run_queue.start(study, FEW, by="ivan")
    with pytest.raises(IntegrityError), transaction.atomic():
        AnalysisRun.objects.filter(pk=run.pk).update(**fields)


# Executed once, or ended visibly.


def test_a_run_is_executed_once(study):
    run = run_queue.start(study, FEW, by="ivan")
    assert execution.execute(run.pk).state == "done"
    assert execution.execute(run.pk) is None
    assert execution.execute(10**6) is None


def test_the_same_plan_is_not_queued_twice(study):
    first, second = (run_queue.start(study, FEW, by="ivan") for _ in range(2))
    assert first == second
    assert run_queue.start(study, QUICK, by="ivan").number == 2
    execution.execute(first.pk)
    assert run_queue.start(study, FEW, by="ivan").number == 3


def test_progress_is_told_section_by_section(study, monkeypatch):
    seen = []
    compute = sections.SECTIONS["table2"].compute

    def look(data, plan):
        row = AnalysisRun.objects.get()
        seen.append((row.state, row.steps_done, row.steps, row.step))
        return compute(data, plan)

    monkeypatch.setattr(sections.SECTIONS["table2"], "compute", look)
    run = factories.analyse(study, FEW)
    assert seen == [("running", 1, 2, "Readers, without and with AI")]
    assert (run.steps_done, run.steps, run.step) == (2, 2, "")


def test_a_failure_is_told_and_stores_nothing(study, monkeypatch):
    def fail(data, plan):
        raise MemoryError("too many of them")

    monkeypatch.setattr(sections.SECTIONS["table2"], "compute", fail)
    run = factories.analyse(study, FEW)
    assert run.state == "failed"
    assert run.reason == "Readers, without and with AI: MemoryError: too many of them"
    assert (run.results, run.results_sha256) == ("", "")
    event = AuditEvent.objects.first()
    assert (event.action, event.detail["reason"]) == ("analysis.failed", run.reason)


def test_a_number_that_is_none_fails_the_run_instead_of_being_stored(study, monkeypatch):
    monkeypatch.setattr(
        sections.SECTIONS["flow"], "compute", lambda data, plan: {"tables": {"x": float("nan")}}
    )
    assert factories.analyse(study, FEW).reason.startswith("Patients and readings: ValueError")


def test_a_run_whose_worker_is_told_to_stop_waits_for_the_next(study, monkeypatch):
    def interrupt(data, plan):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sections.SECTIONS["flow"], "compute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            factories.analyse(study, FEW)
    run = AnalysisRun.objects.get()
    assert (run.state, run.reason) == ("queued", worker.STOPPED)
    assert execution.execute(run.pk).state == "done"


def silent(run: AnalysisRun) -> None:
    """As if its process had been killed an hour ago."""
    AnalysisRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))


def test_a_run_whose_process_died_ends_and_can_be_started_anew(study):
    run = run_queue.start(study, FEW, by="ivan")
    [claimed] = run_queue.KIND.queue.claim([run.pk])
    assert claimed.worker
    run_queue.KIND.queue.reap()
    assert AnalysisRun.objects.get(pk=run.pk).state == "running"
    silent(run)
    run_queue.KIND.queue.reap()
    run.refresh_from_db()
    assert (run.state, run.reason) == ("failed", run_queue.RunQueue.died)
    assert factories.analyse(study, FEW).state == "done"


def test_starting_anew_does_not_wait_for_a_dead_process(study):
    run = run_queue.start(study, FEW, by="ivan")
    run_queue.KIND.queue.claim([run.pk])
    silent(run)
    assert run_queue.start(study, FEW, by="ivan").number == 2


def test_a_process_that_was_given_up_stores_nothing_any_more(study, monkeypatch):
    compute = sections.SECTIONS["table2"].compute

    def slow(data, plan):
        silent(AnalysisRun.objects.get())
        run_queue.KIND.queue.reap()
        return compute(data, plan)

    monkeypatch.setattr(sections.SECTIONS["table2"], "compute", slow)
    run = factories.analyse(study, FEW)
    assert (run.state, run.results) == ("failed", "")
    assert not AuditEvent.objects.filter(action="analysis.done").exists()


def test_for_a_run_that_nobody_takes_up_a_process_is_started_unless_a_broker_has_it(
    study, settings, monkeypatch
):
    settings.ANALYSIS_STALE_SECONDS = -1.0
    started = []
    monkeypatch.setattr("readerstudy.jobs.dispatch.start_child", started.append)
    run = run_queue.start(study, FEW, by="ivan")
    settings.CELERY_BROKER_URL = "redis://nowhere"
    dispatch.look_after(run_queue.KIND)
    assert started == []
    settings.CELERY_BROKER_URL = ""
    dispatch.look_after(run_queue.KIND)
    assert started == ["analysis"]
    assert run_queue.KIND.queue.waiting() == [run.pk]


def test_start_and_end_are_audited(study):
    run = factories.analyse(study, FEW)
    done, started = AuditEvent.objects.all()[:2]
    assert (started.action, started.actor, started.study) == ("analysis.start", "test", "study")
    assert started.detail["plan"] == FEW.sha256()
    assert list(started.detail["stored"]) == ["analysis-request/1"]
    assert (done.action, done.detail["results"]) == ("analysis.done", run.results_sha256)
    assert list(done.detail["stored"]) == ["analysis-run/1"]
