"""What becomes of jobs when a worker is killed, a message comes twice, or a case is poison."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import redis
from celery import Celery
from PIL import Image

from tests import servers
from tests.services.blocking import blocked
from tests.services.site import Site, Sketch, wait_for_jobs
from tests.services.source import SIZE

pytestmark = pytest.mark.services

STALE = 2.0  # seconds
SLUG = "deaths"
RESTART = "restart"
SLOW, DELETED, REPLACED, SOUND = (f"hidden-{number}" for number in range(4))


@pytest.fixture(scope="module")
def built(make_site) -> Site:
    site = make_site(INFERENCE_HEARTBEAT_SECONDS="0.25", INFERENCE_BATCH_SIZE="1")
    site.build(Sketch(RESTART, cases=1, steps=()), Sketch(SLUG, cases=4, steps=()))
    return site


@pytest.mark.slow("each worker is a process that loads torch")
def test_a_worker_that_is_restarted_at_once_finishes_the_job_too(built, tmp_path):
    """A supervisor restarts it before the old job looks stale; then beat calls the reaper."""
    site = _with(built, INFERENCE_STALE_SECONDS="10")
    with blocked(site.image(RESTART, SLOW)), servers.celery_worker(site.env) as worker:
        site.manage("study", RESTART, "run-model")
        _wait_for(site, RESTART, "running")
        worker.kill()
        worker.wait()
    with servers.celery_worker(site.env), servers.hasty_beat(site.env, tmp_path):
        [job] = wait_for_jobs(site, RESTART, "done", patience=40).values()
    assert (job.attempts, job.predictions, job.heatmaps) == (2, 1, 4)


def _with(site: Site, **more: str) -> Site:
    return replace(site, more=site.more | more)


@pytest.fixture(scope="module")
def story(built, tmp_path_factory):
    """One worker is killed in mid-job and another takes over; what was seen on the way."""
    site = _with(built, INFERENCE_STALE_SECONDS=str(STALE), JOB_FIRST_PAUSE_SECONDS="0.1")
    _poison(site)
    with blocked(site.image(SLUG, SLOW)), servers.celery_worker(site.env, name="first") as first:
        site.manage("study", SLUG, "run-model")
        _wait_for(site, SLUG, "running")
        time.sleep(STALE + 0.5)
        _reap(site)
        while_working = site.jobs(SLUG)[SLOW]
        first.kill()
        first.wait()
        time.sleep(STALE + 0.5)
        after_death = site.jobs(SLUG)[SLOW]
    with servers.celery_worker(site.env, name="second") as second:
        with servers.hasty_beat(site.env, tmp_path_factory.mktemp("beat")):
            jobs = wait_for_jobs(site, SLUG, "done", "failed")
        yield SimpleNamespace(
            site=site,
            pids=(first.pid, second.pid),
            while_working=while_working,
            after_death=after_death,
            jobs=jobs,
        )


def _poison(site: Site) -> None:
    site.image(SLUG, DELETED).unlink()
    Image.new("RGB", SIZE[::-1], "white").save(site.image(SLUG, REPLACED))


def _wait_for(site: Site, slug: str, state: str) -> None:
    servers.wait_until(
        lambda: site.jobs(slug)[SLOW].state == state, what=f"the slow job to be {state}"
    )


def _reap(site: Site) -> None:
    site.manage("shell", "-c", "from inference.queue import QUEUE; QUEUE.reap()")


def test_a_slow_job_is_left_to_a_worker_that_lives(story):
    job = story.while_working
    assert (job.state, job.attempts, job.pid) == ("running", 1, story.pids[0])


def test_the_job_of_a_killed_worker_waits_for_the_reaper(story):
    job = story.after_death
    assert (job.state, job.attempts, job.predictions, job.pid) == ("running", 1, 0, story.pids[0])


def test_the_next_worker_does_it_once(story):
    job = story.jobs[SLOW]
    assert (job.state, job.attempts, job.pid) == ("done", 2, story.pids[1])
    assert (job.predictions, job.heatmaps) == (1, 4)


def test_the_jobs_behind_it_lost_nothing(story):
    job = story.jobs[SOUND]
    assert (job.state, job.attempts, job.predictions, job.heatmaps) == ("done", 1, 1, 4)


@pytest.mark.parametrize(("case_id", "reason"), [(DELETED, "No such file"), (REPLACED, "SHA-256")])
def test_a_poison_case_fails_with_its_reason(story, case_id, reason):
    job = story.jobs[case_id]
    assert (job.state, job.predictions) == ("failed", 0)
    assert reason in job.reason


def test_a_study_with_a_failed_case_says_so_and_stays_closed(story):
    opened = story.site.manage("study", SLUG, "open", capture_output=True, text=True, check=False)
    assert opened.returncode != 0
    assert f"{DELETED}: {story.jobs[DELETED].reason}" in opened.stderr
    assert story.site.value("SELECT state FROM cohorts_study WHERE slug = %s", SLUG) == "draft"


def test_a_message_that_comes_again_does_no_harm(story):
    before = story.site.jobs(SLUG)
    app = Celery(broker=story.site.env["CELERY_BROKER_URL"])
    held = _messages_left(story.site)  # by the worker that was killed
    for case_id in (SLOW, SLOW, DELETED):
        app.send_task("jobs.run", ["inference", [before[case_id].id]], queue="inference")
    servers.wait_until(lambda: _messages_left(story.site) == held, what="three repeated messages")
    assert story.site.jobs(SLUG) == before


def _messages_left(site: Site) -> int:
    """In the queue, and in the worker's hands."""
    broker = redis.Redis.from_url(site.env["CELERY_BROKER_URL"])
    return broker.llen("inference") + broker.hlen("unacked")
