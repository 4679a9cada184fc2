"""A run's files are made by a worker as the run ends, or when somebody asks for one that is not
there; whatever becomes of the worker, the disk or the broker, none is shown half-made or wrong."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analysis import execution, file_set_queue, make_run_files, run_queue, stored_files
from analysis.models import AnalysisRun, FileSet, RunFile
from readerstudy.celery import app
from readerstudy.jobs import tasks
from readerstudy.studies.models import Study
from tests import factories
from tests.factories import QUICK
from tests.rules.walk import sign_in
from tests.servers import free_port
from tests.worlds import shared

pytestmark = pytest.mark.django_db
RUN = "/results/study/runs/1/"
CSV = f"{RUN}metrics.csv"
QUEUE = file_set_queue.KIND.queue
PLAN = replace(QUICK, sections=("flow", "table1"))


@pytest.fixture(autouse=True)
def quick_report(monkeypatch):
    """What draws has tests of its own, and takes long."""
    monkeypatch.setattr("analysis.make_run_files.report_pdf", lambda *_: b"%PDF-")
    monkeypatch.setattr("analysis.figures.render", lambda *_: b"drawn")
    monkeypatch.setattr("analysis.figures.draw", lambda *_: None)


@pytest.fixture
def sent(monkeypatch):
    """The kinds of job for which a process was started."""
    found = []
    monkeypatch.setattr("readerstudy.jobs.dispatch.start_child", found.append)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda do, **_more: do())
    return found


def make_finished() -> Study:
    study = factories.make_open(cases=2)
    factories.read_all(study)
    factories.finish(study)
    factories.make_investigator(study)
    return study


study = shared(make_finished)


@shared
def run():
    """As its execution leaves it: nothing is drawn yet."""
    return execution.execute(run_queue.start(make_finished(), PLAN, by="test").pk)


@pytest.fixture
def drawn(run) -> AnalysisRun:
    make_run_files.make_run_files(run)
    return run


@pytest.fixture
def ivan(db):
    return sign_in("ivan")


def lapse(**changes) -> None:
    """Make the set's process silent."""
    past = timezone.now() - timedelta(hours=1)
    FileSet.objects.update(heartbeat_at=past, created_at=past, **changes)


def path_of(row: RunFile, root) -> Path:
    [found] = Path(root).rglob(row.sha256 + Path(row.name).suffix)
    return found


# Made by the worker.


def test_the_worker_that_executes_a_run_makes_all_of_its_files(study, ivan):
    run_queue.start(study, PLAN, by="test")
    call_command("run_jobs", "analysis")
    files = FileSet.objects.get()
    assert (files.state, files.total) == ("done", files.files.filter(state="done").count())
    page = ivan.get(RUN).content.decode()
    assert "Being prepared" not in page
    assert 'id="figures"' in page
    for row in files.files.exclude(name__startswith="pages/"):
        assert ivan.get(f"{RUN}{row.name}").status_code == 200


def test_the_command_makes_them_too(study, tmp_path):
    (tmp_path / "plan.json").write_text(PLAN.to_document())
    call_command("analyse", "study", plan=tmp_path / "plan.json")
    assert FileSet.objects.get().state == "done"


def test_each_file_is_stored_with_its_digest_for_the_sites_user_alone(drawn, run_files_root):
    for row in RunFile.objects.all():
        path = path_of(row, run_files_root)
        content = path.read_bytes()
        assert (row.size, row.sha256) == (len(content), sha256(content).hexdigest())
        assert row.media_type
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        folders = (run_files_root, path.parents[1], path.parent)
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert not list(Path(run_files_root).rglob("*.part"))


def test_files_are_the_same_bytes_whenever_they_are_made(drawn):
    def digests():
        return dict(RunFile.objects.values_list("name", "sha256"))

    first = digests()
    RunFile.objects.all().delete()
    FileSet.objects.all().delete()
    file_set_queue.queue(drawn)
    make_run_files.make_run_files(drawn)
    assert digests() == first


def test_a_write_that_is_cut_off_leaves_nothing_behind(run, run_files_root, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        files = make_run_files.make_run_files(run)
    assert (files.state, files.reason) == ("queued", "The disk is full.")
    assert set(files.files.values_list("state", "attempts")) == {("waiting", 0)}
    assert not [path for path in Path(run_files_root).rglob("*") if path.is_file()]
    FileSet.objects.update(not_before=None)
    assert make_run_files.make_run_files(run).state == "done"


# Asked for.


def test_a_file_that_is_not_there_yet_is_asked_for_once_and_said_so(run, ivan, sent):
    RunFile.objects.all().delete()
    FileSet.objects.all().delete()  # as of a run older than the rows
    for _ in range(3):
        answer = ivan.get(CSV)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert sent == ["run-files"]
    page = answer.content.decode()
    assert "This file is being prepared" in page
    assert '<meta http-equiv="refresh" content="5">' in page
    assert "<script" not in page
    make_run_files.make_run_files(run)
    assert ivan.get(CSV).status_code == 200


def test_the_page_tells_how_far_its_files_are(run, ivan):
    page = ivan.get(RUN).content.decode()
    assert "Being prepared: waiting for a worker" in page
    assert "analysis/run-progress.js" in page
    factories.draw(run, "pages/", "tables/")
    done, total = RunFile.objects.filter(state="done").count(), FileSet.objects.get().total
    for address in (RUN, f"{RUN}files/"):
        page = ivan.get(address).content.decode()
        assert f"Being prepared: {done} of {total} files." in page
        assert 'data-page="there"' in page
    assert 0 < done < total


@pytest.mark.parametrize("harm", ["lost", "cut", "changed"])
def test_a_file_that_is_lost_or_damaged_is_never_given_but_made_anew(
    harm, drawn, ivan, sent, run_files_root
):
    before = ivan.get(CSV).getvalue()
    path = path_of(RunFile.objects.get(name="metrics.csv"), run_files_root)
    if harm == "lost":
        path.unlink()
    else:
        path.write_bytes(before[:-9] if harm == "cut" else before.replace(b"0", b"1"))
    assert ivan.get(CSV).status_code == 503
    assert sent == ["run-files"]
    make_run_files.make_run_files(drawn)
    assert ivan.get(CSV).getvalue() == before


def test_the_page_misses_files_that_are_lost(drawn, ivan, sent, run_files_root):
    path_of(RunFile.objects.get(name="report.pdf"), run_files_root).unlink()
    assert "Being prepared" in ivan.get(RUN).content.decode()
    assert sent == ["run-files"]


def test_an_upgrade_shows_nothing_of_the_former_version(drawn, ivan, sent, monkeypatch):
    former = FileSet.objects.get()
    monkeypatch.setattr(file_set_queue, "_making_code", lambda _slug: "other code")
    assert ivan.get(CSV).status_code == 503
    make_run_files.make_run_files(drawn)
    assert ivan.get(CSV).status_code == 200
    assert FileSet.objects.get() != former  # which is gone


def test_a_worker_of_another_version_leaves_the_set_to_one_of_its_own(run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(file_set_queue, "_making_code", lambda _slug: "other code")
        call_command("run_jobs", "run-files")
    files = FileSet.objects.get()
    assert (files.state, files.total, files.reason) == ("failed", 0, make_run_files.OTHER_VERSION)
    assert make_run_files.make_run_files(run).state == "done"


@pytest.mark.parametrize("field", ["results_sha256", "code_version", "number", "planned"])
def test_another_run_has_other_files(field, run):
    first = file_set_queue.file_set_key(run)
    setattr(run, field, 99)
    assert file_set_queue.file_set_key(run) != first


# What fails.


@pytest.fixture
def broken(run, monkeypatch) -> AnalysisRun:
    def fail(*_arguments, **_more):
        raise ZeroDivisionError("no reader")

    with monkeypatch.context() as patch:
        patch.setattr("analysis.exports.results_csv.tables_csv", fail)
        make_run_files.make_run_files(run)
    return run


def test_a_file_that_fails_leaves_the_run_and_the_other_files_alone(broken, ivan):
    broken.refresh_from_db()
    assert broken.state == "done"
    states = dict(RunFile.objects.values_list("name", "state"))
    assert {name for name, state in states.items() if state != "done"} == {
        "metrics.csv", "tests.csv",
    }  # fmt: skip
    page = ivan.get(RUN).content.decode()
    assert "metrics.csv could not be made. ZeroDivisionError: no reader" in page
    assert "Being prepared" not in page
    answer = ivan.get(CSV)
    assert answer.status_code == 409
    assert "ZeroDivisionError: no reader" in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


def test_what_failed_is_tried_again_when_somebody_says_so(broken, ivan, sent):
    assert ivan.get(CSV).status_code == 409
    assert sent == []
    assert ivan.post(f"{RUN}files/")["Location"] == RUN
    assert sent == ["run-files"]
    assert ivan.get(CSV).status_code == 503
    make_run_files.make_run_files(broken)
    assert ivan.get(CSV).status_code == 200


def test_results_that_can_not_be_read_are_told(run, ivan, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("analysis.figures.offered", lambda _document: 1 / 0)
        assert make_run_files.make_run_files(run).state == "failed"
    assert "The files could not be made. ZeroDivisionError" in ivan.get(RUN).content.decode()
    ivan.post(f"{RUN}files/")
    assert make_run_files.make_run_files(run).state == "done"


def test_the_command_names_what_it_could_not_make(run, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("analysis.exports.results_csv.tables_csv", lambda *_a, **_k: 1 / 0)
        with pytest.raises(CommandError, match="2 files could not be made"):
            call_command("make_files", "study", run=1)
    assert "Run 1 of study, metrics.csv: ZeroDivisionError" in capsys.readouterr().err
    call_command("make_files")  # tries again what failed
    assert FileSet.objects.get().files.filter(state="failed").count() == 0
    with pytest.raises(CommandError, match="no finished run"):
        call_command("make_files", "study", run=7)


# Workers that die.


def test_the_files_of_a_killed_worker_are_made_by_the_next(run, ivan, sent):
    [files] = QUEUE.claim([FileSet.objects.get().pk])
    ivan.get(f"{RUN}files/")
    assert sent == []  # somebody has it
    lapse()
    ivan.get(f"{RUN}files/")
    assert sent == ["run-files"]
    assert FileSet.objects.get().state == "queued"
    assert make_run_files.make_run_files(run).state == "done"
    file_set_queue.finish(files)  # the dead one wakes up: it has nothing to say any more
    assert FileSet.objects.get().state == "done"


def test_with_a_broker_the_reaper_sends_for_what_waits(run, settings, monkeypatch):
    settings.CELERY_BROKER_URL = "redis://nowhere"
    sent = []
    send = "readerstudy.jobs.broker.send"
    monkeypatch.setattr(send, lambda _task, calls, **_: sent.extend(calls))
    files = FileSet.objects.get()
    tasks.reap("analysis")
    QUEUE.claim([files.pk])
    tasks.reap("analysis")
    lapse()
    tasks.reap("analysis")
    assert sent == [("run-files", [files.pk])] * 2
    assert FileSet.objects.get().state == "queued"


def test_without_the_broker_the_row_waits_for_it(run, ivan, settings, monkeypatch):
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setattr(app.conf, "broker_url", settings.CELERY_BROKER_URL)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda do, **_more: do())
    RunFile.objects.all().delete()
    FileSet.objects.all().delete()
    assert ivan.get(CSV).status_code == 503
    assert QUEUE.waiting() == [FileSet.objects.get().pk]


def test_a_file_that_kills_its_worker_does_so_three_times_at_most(run, monkeypatch):
    def kill(*_arguments):
        raise Killed

    monkeypatch.setattr("analysis.make_run_files.report_pdf", kill)
    for _ in range(file_set_queue.MAX_ATTEMPTS):
        with pytest.raises(Killed):
            make_run_files.make_run_files(run)
        FileSet.objects.update(state="queued")
    assert make_run_files.make_run_files(run).state == "done"
    row = RunFile.objects.get(state="failed")
    assert (row.name, row.reason) == ("report.pdf", make_run_files.DIED)


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_worker_that_is_stopped_gives_the_rest_back(run, monkeypatch):
    def stop(*_arguments):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("analysis.make_run_files.report_pdf", stop)
        with pytest.raises(SystemExit):
            make_run_files.make_run_files(run)
    assert FileSet.objects.get().state == "queued"
    assert make_run_files.make_run_files(run).state == "done"


# Who sees them.


def test_members_alone_ask_for_files(run, ivan, sent):
    RunFile.objects.all().delete()
    FileSet.objects.all().delete()
    factories.make_user("stranger")
    for name in ("stranger", "anna"):
        for address in (CSV, f"{RUN}files/"):
            assert sign_in(name).get(address).status_code == 404
            assert sign_in(name).post(f"{RUN}files/").status_code == 404
    assert sent == []
    assert not FileSet.objects.exists()


def test_nothing_of_a_run_is_pickled(drawn, run_files_root):
    endings = {path.suffix for path in Path(run_files_root).rglob("*") if path.is_file()}
    assert endings <= {".html", ".svg", ".png", ".pdf", ".json", ".csv", ".xlsx", ".tex", ".imrmc"}
    rows = list(RunFile.objects.values("name", "media_type", "size", "sha256"))
    assert json.loads(json.dumps(rows)) == rows
    assert stored_files.lost_rows(drawn, RunFile.objects.all()) == []
