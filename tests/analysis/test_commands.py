"""The commands, and the ways by which a queued run comes to be executed."""

import sys
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from analysis import run_queue
from analysis.models import AnalysisRun, RegisteredPlan
from analysis.plan import Plan
from readerstudy.audit.models import AuditEvent
from readerstudy.jobs import dispatch, tasks
from tests import factories
from tests.factories import QUICK
from tests.worlds import shared

pytestmark = pytest.mark.django_db
start_child = dispatch.start_child  # before tests are kept from starting any
RUN_ANALYSIS = (tasks.run, "analysis", "analysis")


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Runs whose files would have been made: tests/analysis/test_run_files.py does it."""
    found = []
    monkeypatch.setattr("analysis.make_run_files.make_run_files", found.append)
    return found


@shared
def draft():
    return factories.make_draft(cases=2, readers=("anna",))


@shared
def study():
    study = factories.make_open(cases=2, readers=("anna",))
    factories.finish(study)
    return study


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(QUICK.to_document())
    return path


def test_a_plan_is_registered_and_run_by_command(draft, plan_file, capsys):
    call_command("register_plan", "study", str(plan_file), by="ann")
    assert RegisteredPlan.objects.get().registered_by == "ann"
    factories.lifecycle.open_study(draft, by="test")
    factories.finish(draft)
    call_command("analyse", "study", by="ann")
    run = AnalysisRun.objects.get()
    assert (run.state, run.planned, run.created_by) == ("done", True, "ann")
    said = capsys.readouterr().out
    assert QUICK.sha256() in said
    assert f"Run 1 of study is done, as registered; results {run.results_sha256}." in said


def test_without_a_file_the_default_plan_is_registered_or_only_shown(draft, capsys):
    call_command("register_plan", "study", show=True)
    assert capsys.readouterr().out.strip() == Plan().to_document()
    assert not RegisteredPlan.objects.exists()
    call_command("register_plan", "study")
    assert RegisteredPlan.objects.get().sha256 == Plan().sha256()


def test_another_plan_is_run_as_exploratory(study, plan_file, capsys):
    call_command("analyse", "study", plan=plan_file)
    assert "not as registered before unblinding" in capsys.readouterr().out


def test_a_queued_run_is_executed_by_its_number(study, drawn):
    run = run_queue.start(study, replace(QUICK, sections=("flow",)), by="ivan")
    call_command("analyse", "study", run=run.number)
    run.refresh_from_db()
    assert (run.state, run.created_by) == ("done", "ivan")
    assert drawn == [run]
    with pytest.raises(CommandError, match="is not queued"):
        call_command("analyse", "study", run=run.number)


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("analyse", ["none"], 'There is no study "none"'),
        ("register_plan", ["none"], 'There is no study "none"'),
        ("analyse", ["study", "--run", "7"], 'Study "study" has no run 7'),
        ("analyse", ["study", "--plan", "/nowhere/plan.json"], "/nowhere/plan.json can't be read"),
        ("register_plan", ["study", "/nowhere/plan.json"], "/nowhere/plan.json can't be read"),
        ("register_plan", ["study"], "The study is unblinded"),
    ],
)
def test_what_is_wrong_is_told(command, arguments, message, study):
    with pytest.raises(CommandError, match=message):
        call_command(command, *arguments)


def test_a_bad_plan_file_is_told_with_its_problems(study, tmp_path):
    (tmp_path / "plan.json").write_text('{"seed": -1, "x": 1}')
    with pytest.raises(
        CommandError, match=r"plan\.json is not a valid plan:\n'x': there is no such setting"
    ):
        call_command("analyse", "study", plan=tmp_path / "plan.json")
    (tmp_path / "plan.json").write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="can't be read"):
        call_command("analyse", "study", plan=tmp_path / "plan.json")


def test_no_analysis_before_the_unblinding(draft):
    with pytest.raises(CommandError, match="sealed"):
        call_command("analyse", "study")


def test_a_failed_run_fails_the_command(study, plan_file, monkeypatch):
    monkeypatch.setattr("analysis.sections.flow.compute", lambda data, plan: 1 / 0)
    with pytest.raises(CommandError, match=r"Run 1 of study failed\. Patients and readings"):
        call_command("analyse", "study", plan=plan_file)


# Without a broker a child process, with one a message.


def test_a_child_is_started_once_the_run_is_committed(
    study, monkeypatch, django_capture_on_commit_callbacks
):
    commands = []
    monkeypatch.setattr("readerstudy.jobs.dispatch.start_child", start_child)
    monkeypatch.setattr("subprocess.Popen", lambda command, **_options: commands.append(command))
    run = run_queue.start(study, QUICK, by="ivan")
    with django_capture_on_commit_callbacks(execute=True):
        dispatch.dispatch_on_commit(run_queue.KIND, [run.pk])
        assert commands == []
    [command] = commands
    assert command[0] == sys.executable
    assert command[2:] == ["run_jobs", "analysis"]


@pytest.fixture
def messages(monkeypatch, settings):
    settings.CELERY_BROKER_URL = "redis://nowhere"
    sent = []

    def send(task, calls, *, queue) -> bool:
        sent.extend(pk for kind, [pk] in calls if (task, kind, queue) == RUN_ANALYSIS)
        return True

    monkeypatch.setattr(dispatch.broker, "send", send)
    return sent


def test_with_a_broker_a_message_is_sent(study, messages, django_capture_on_commit_callbacks):
    run = run_queue.start(study, QUICK, by="ivan")
    with django_capture_on_commit_callbacks(execute=True):
        dispatch.dispatch_on_commit(run_queue.KIND, [run.pk])
    assert messages == [run.pk]


def test_the_worker_executes_what_the_message_names(study, messages):
    run = run_queue.start(study, replace(QUICK, sections=("flow",)), by="ivan")
    tasks.run("analysis", [run.pk])
    tasks.run("analysis", [run.pk])  # a message that comes twice
    run.refresh_from_db()
    assert run.state == "done"
    assert AuditEvent.objects.filter(action="analysis.done").count() == 1


def test_a_message_that_was_lost_is_sent_again(study, messages, settings):
    settings.ANALYSIS_STALE_SECONDS = -1.0
    dead = run_queue.start(study, QUICK, by="ivan")
    run_queue.KIND.queue.claim([dead.pk])
    waiting = run_queue.start(study, replace(QUICK, seed=1), by="ivan")
    tasks.reap("analysis")
    assert messages == [waiting.pk]
    dead.refresh_from_db()
    assert dead.state == "failed"


def test_a_run_that_is_interrupted_at_the_keyboard_fails(study, plan_file, monkeypatch):
    """Whoever stopped it wants it stopped: no worker is to take it up."""

    def interrupt(data, plan):
        raise KeyboardInterrupt

    monkeypatch.setattr("analysis.sections.flow.compute", interrupt)
    with pytest.raises(CommandError, match="The analysis was interrupted"):
        call_command("analyse", "study", plan=plan_file)
    assert AnalysisRun.objects.get().state == "failed"
