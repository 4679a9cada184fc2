"""The job room on a kind that loads nothing: each job is done once, and ends by its true reason."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from readerstudy.jobs import dispatch, kinds, retry_policy, tasks, worker
from readerstudy.jobs.errors import WorkerBroken
from readerstudy.jobs.worker import Outcome
from tests.jobs.light import kind
from tests.jobs.light.models import LightJob

pytestmark = pytest.mark.django_db
KIND, QUEUE = kind.KIND, kind.KIND.queue


def make(does: str = "finish", **columns) -> LightJob:
    return LightJob.objects.create(does=does, **columns)


def now(job: LightJob) -> LightJob:
    return LightJob.objects.get(pk=job.pk)


def run(job: LightJob) -> Outcome:
    """Run a job whose pause, if it has one, is over."""
    LightJob.objects.update(not_before=None)
    return worker.run_jobs(KIND, [job.pk])


def silence(job: LightJob, **columns) -> None:
    """As if the process that has the job had been gone for an hour."""
    past = timezone.now() - timedelta(hours=1)
    LightJob.objects.filter(pk=job.pk).update(heartbeat_at=past, **columns)


def test_a_job_is_done_once_however_often_it_is_sent_for():
    job = make()
    assert run(job) == Outcome(done=[job.pk])
    assert run(job) == Outcome()
    assert (now(job).results, now(job).attempts, now(job).worker) != (1, 1, "")
    assert now(job).finished_at


def test_what_the_work_says_is_the_reason_and_what_it_does_not_say_too():
    told, unforeseen = make("fail"), make("err")
    for job in (told, unforeseen):
        assert run(job) == Outcome(failed=[job.pk])
    assert now(told).reason == "It said so."
    assert now(unforeseen).reason == "RuntimeError: unforeseen"


def test_a_pause_grows_up_to_a_bound(settings):
    settings.JOB_FIRST_PAUSE_SECONDS, settings.JOB_LONGEST_PAUSE_SECONDS = 10.0, 600.0
    seconds = [retry_policy.pause_after(count).total_seconds() for count in range(7)]
    assert seconds == [10, 30, 90, 270, 600, 600, 600]
    assert retry_policy.pause_after(10**6).total_seconds() == 600


def test_what_may_pass_is_tried_again_after_growing_pauses_until_its_attempts_are_spent(settings):
    settings.JOB_FIRST_PAUSE_SECONDS = 100.0
    job = make("passing")
    pauses = []
    for _ in range(settings.IMPORT_MAX_ATTEMPTS - 1):
        assert run(job) == Outcome(again=[job.pk])
        pauses.append(round((now(job).not_before - timezone.now()).total_seconds(), -1))
        assert QUEUE.waiting() == []
        assert worker.run_jobs(KIND, [job.pk]) == Outcome()  # a message that comes too early
    assert pauses == [100, 300]
    assert run(job) == Outcome(failed=[job.pk])
    assert now(job).reason == "It may pass."


def test_a_job_that_waited_and_then_is_done_tells_of_no_failure():
    job = make("passing finish")
    run(job)
    assert run(job) == Outcome(done=[job.pk])
    assert (now(job).reason, now(job).cause, now(job).results) == ("", "", 1)


def test_jobs_of_one_cause_wait_together_and_go_on_together(settings):
    settings.JOB_FIRST_PAUSE_SECONDS = 100.0
    first, second, other = make("meet"), make("meet"), make()
    kind.CAUSE.touch()
    try:
        assert worker.run_jobs(KIND, [first.pk]) == Outcome(again=[first.pk])
        assert now(first).not_before == now(second).not_before
        assert QUEUE.waiting() == [other.pk]
        for _ in range(2 * settings.IMPORT_MAX_ATTEMPTS):  # no job is to blame, however long
            run(first)
        assert [(now(job).state, now(job).strikes) for job in (first, second)] == [
            ("queued", 0)
        ] * 2
        assert now(second).attempts == 0
        assert now(second).reason == "It is away."
    finally:
        kind.CAUSE.unlink()
    LightJob.objects.filter(pk=first.pk).update(not_before=None)
    assert worker.run_jobs(KIND, [first.pk]) == Outcome(done=[first.pk])
    assert second.pk in QUEUE.waiting()
    assert now(second).cause == ""


def test_a_worker_that_is_broken_puts_its_jobs_back_and_ends(settings):
    job = make("break")
    for _ in range(2 * settings.IMPORT_MAX_ATTEMPTS):
        with pytest.raises(WorkerBroken):
            run(job)
    assert (now(job).state, now(job).strikes) == ("queued", 0)
    assert now(job).reason == "The device is of no more use to this process."
    assert now(job).not_before > timezone.now() - timedelta(seconds=1)


def test_a_full_disk_is_no_jobs_fault(settings):
    job = make("full")
    for _ in range(2 * settings.IMPORT_MAX_ATTEMPTS):
        assert run(job) == Outcome(again=[job.pk])
    assert (now(job).strikes, now(job).reason) == (0, "The disk is full.")


def test_a_database_that_is_away_is_waited_for(monkeypatch):
    job = make()
    monkeypatch.setattr(kind, "_do", lambda word: (_ for _ in ()).throw(OperationalError("gone")))
    monkeypatch.setattr(worker, "wait_for_database", lambda: None)
    assert run(job) == Outcome(again=[job.pk])
    assert (now(job).strikes, now(job).reason) == (0, "The database is unavailable.")


def test_what_looks_like_an_outage_each_time_does_not_spin(monkeypatch, settings):
    settings.JOB_FIRST_PAUSE_SECONDS = 100.0
    job = make()
    monkeypatch.setattr(kind, "_do", lambda word: (_ for _ in ()).throw(OperationalError("cut")))
    monkeypatch.setattr(worker, "wait_for_database", lambda: None)
    assert run(job) == Outcome(again=[job.pk])
    assert QUEUE.waiting() == []


def test_a_disk_that_is_full_for_the_database_too_is_waited_for(monkeypatch):
    job, wait, calls = make("full"), QUEUE.wait, []

    def full_at_first(*arguments):
        calls.append(arguments)
        if len(calls) < 3:
            raise OperationalError("database or disk is full")
        wait(*arguments)

    monkeypatch.setattr(QUEUE, "wait", full_at_first)
    monkeypatch.setattr(worker, "SECONDS_BETWEEN_ATTEMPTS", 0)
    assert run(job) == Outcome(again=[job.pk])
    assert (now(job).strikes, len(calls)) == (0, 3)


def test_a_reason_is_cut_and_taken_by_every_database():
    job = make()
    [claimed] = QUEUE.claim([job.pk])
    QUEUE.fail(claimed, reason="a\x00b" + "c" * 10**5)
    assert now(job).reason.startswith("a\\0bccc")
    assert len(now(job).reason) == 2000


def test_a_message_of_many_jobs_that_are_none_is_one_query(django_assert_max_num_queries):
    job = make()
    with django_assert_max_num_queries(10):
        assert worker.run_jobs(KIND, [*range(10**6, 10**6 + 5000), job.pk]).done == [job.pk]


def test_the_housekeeping_of_one_kind_holds_up_no_other(monkeypatch, settings, caplog):
    settings.CELERY_BROKER_URL = "redis://nowhere"
    job, sent = make(), []
    monkeypatch.setattr(dispatch.broker, "send", lambda _task, calls, **_: sent.extend(calls))
    monkeypatch.setattr(kinds.get("import").queue, "reap", lambda: 1 / 0)
    tasks.reap("imports")
    assert sent == [("light", [job.pk])]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_worker_told_to_stop_puts_back_what_it_has(stop, monkeypatch):
    def stopped(word):
        raise stop

    job = make()
    monkeypatch.setattr(kind, "_do", stopped)
    with pytest.raises(stop):
        run(job)
    assert (now(job).state, now(job).strikes, now(job).reason) == ("queued", 0, worker.STOPPED)


def test_what_a_dead_worker_held_is_queued_again_until_its_attempts_are_spent(settings):
    job = make()
    for left in range(settings.IMPORT_MAX_ATTEMPTS - 1, -1, -1):
        [claimed] = QUEUE.claim([job.pk])
        assert QUEUE.reap() == ([], [])  # it lives
        silence(job)
        assert QUEUE.has_lost()
        assert QUEUE.reap() == (([job.pk], []) if left else ([], [job.pk]))
        assert not QUEUE.finish(claimed)  # the dead one wakes up: it has nothing to say any more
        assert not QUEUE.beat([claimed])
    assert (now(job).state, now(job).reason) == ("failed", QUEUE.died)


def test_a_worker_that_beats_beyond_its_deadline_is_given_up_too():
    job = make()
    QUEUE.claim([job.pk])
    LightJob.objects.update(deadline_at=timezone.now() - timedelta(hours=1))
    assert QUEUE.reap() == ([job.pk], [])


def test_several_jobs_together_have_no_strikes_and_one_that_was_tried_goes_alone():
    jobs = [make(), make(), make(attempts=1)]
    claimed = QUEUE.claim([job.pk for job in jobs])
    assert [(job.pk, job.strikes) for job in claimed] == [(job.pk, 0) for job in jobs[:2]]
    assert [job.strikes for job in QUEUE.claim([jobs[2].pk])] == [1]


def test_the_command_empties_the_queue_and_waits_for_pauses(settings):
    jobs = [make("passing finish"), make(), make("fail")]
    call_command("run_jobs", "light")
    assert [now(job).state for job in jobs] == ["done", "done", "failed"]


def test_without_a_broker_a_process_is_started_once_for_what_nobody_works_on(monkeypatch, settings):
    started = []
    monkeypatch.setattr(dispatch, "start_child", started.append)
    waiting, held, paused = make(), make(), make()
    [claimed] = QUEUE.claim([held.pk])
    LightJob.objects.filter(pk=paused.pk).update(not_before=timezone.now() + timedelta(hours=1))
    dispatch.look_after(KIND)
    assert started == []
    LightJob.objects.update(created_at=timezone.now() - timedelta(hours=1))
    dispatch.look_after(KIND)
    assert started == []  # the process that has the one comes to the others
    QUEUE.finish(claimed)
    for _ in range(2):  # a page asks every few seconds
        dispatch.look_after(KIND)
    assert started == ["light"]
    silence(waiting)
    QUEUE.claim([waiting.pk])
    silence(waiting)
    dispatch.look_after(KIND)
    assert started == ["light", "light"]
    settings.CELERY_BROKER_URL = "redis://nowhere"  # there, beat sends for what waits
    silence(waiting)
    dispatch.look_after(KIND)
    assert len(started) == 2


def test_a_process_whose_job_was_taken_away_and_that_goes_on_is_ended(monkeypatch):
    """One that was cancelled may hang, or compute for hours."""
    ended, job = [], make()
    monkeypatch.setattr(worker.os, "_exit", ended.append)
    monkeypatch.setattr(worker.logging, "shutdown", lambda: None)
    [claimed] = QUEUE.claim([job.pk])
    sign = worker.SignOfLife(KIND, [claimed])
    sign()
    silence(claimed, attempts=7)
    sign()
    assert ended == []  # it may be about to leave the job
    monkeypatch.setattr(worker, "ABANDONED_SECONDS", 0)
    sign()
    assert ended == [worker.EXIT_OVERDUE]
