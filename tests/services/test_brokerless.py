"""Without a broker: a child process empties the queue, and what kills it is given up in the end."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests import servers
from tests.services.blocking import blocked
from tests.services.site import Job, Site, Sketch, wait_for_jobs

pytestmark = pytest.mark.services

STALE = 1.0  # seconds
ATTEMPTS = 2
FIRST, SECOND = "hidden-0", "hidden-1"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(
        tmp_path_factory.mktemp("brokerless"),
        {
            "INFERENCE_STALE_SECONDS": str(STALE),
            "INFERENCE_HEARTBEAT_SECONDS": "0.2",
            "INFERENCE_MAX_ATTEMPTS": str(ATTEMPTS),
        },
    )
    cases = {"plain": 2, "deadly": 2, "lone": 1, "lowered": 1}
    site.build(*(Sketch(slug, cases=count, steps=()) for slug, count in cases.items()))
    return site


def _is_worker(pid: int) -> bool:
    """Whether this process is (still) one that runs the model; a zombie is not."""
    try:
        return bool({"infer", "run_jobs"} & set(psutil.Process(pid).cmdline()))
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def _kill_in_mid_job(site: Site, slug: str, *, attempt: int) -> Job:
    """SIGKILL the process that holds the first case's job, and wait until that looks stale."""
    servers.wait_until(
        lambda: _state(site, slug) == ("running", attempt), what=f"attempt {attempt} of {slug}"
    )
    job = site.jobs(slug)[FIRST]
    assert _is_worker(job.pid)
    os.kill(job.pid, signal.SIGKILL)
    time.sleep(STALE + 0.5)
    assert _state(site, slug) == ("running", attempt)
    return job


def _state(site: Site, slug: str) -> tuple[str, int]:
    job = site.jobs(slug)[FIRST]
    return job.state, job.attempts


def test_a_child_process_empties_the_queue_and_ends(site):
    command = subprocess.Popen(
        [sys.executable, "manage.py", "study", "plain", "run-model"],
        cwd=servers.ROOT, env=site.env,
    )  # fmt: skip
    assert command.wait(timeout=60) == 0
    jobs = wait_for_jobs(site, "plain", "done")
    assert {(j.attempts, j.predictions, j.heatmaps) for j in jobs.values()} == {(1, 1, 4)}
    [child] = {job.pid for job in jobs.values()}
    assert child != command.pid
    servers.wait_until(lambda: not _is_worker(child), what="the child's end")


@pytest.mark.rest("make test has such a job of a kind that loads nothing, in test_jobs")
def test_a_case_that_kills_its_worker_at_each_attempt_fails(site):
    with blocked(site.image("deadly", FIRST)):
        site.manage("study", "deadly", "run-model")
        child = _kill_in_mid_job(site, "deadly", attempt=1)
        for attempt in range(2, ATTEMPTS + 2):
            with servers.infer(site.env) as process:
                assert _kill_in_mid_job(site, "deadly", attempt=attempt).pid == process.pid
                assert process.pid != child.pid
        last = site.manage("infer", timeout=60, check=False, capture_output=True, text=True)
    jobs = site.jobs("deadly")
    # The first death was the whole batch's; then it had its attempts alone.
    assert (jobs[FIRST].state, jobs[FIRST].attempts) == ("failed", 1 + ATTEMPTS)
    assert "worker died" in jobs[FIRST].reason
    assert jobs[FIRST].predictions == 0
    assert last.returncode == 1
    assert f"{FIRST}: {jobs[FIRST].reason}" in last.stderr
    # It was in the first batch too, went down with it once, and was then done on its own.
    assert (jobs[SECOND].state, jobs[SECOND].attempts, jobs[SECOND].heatmaps) == ("done", 2, 4)


def test_running_the_model_again_revives_a_job_whose_process_was_killed(site):
    with blocked(site.image("lone", FIRST)):
        site.manage("study", "lone", "run-model")
        _kill_in_mid_job(site, "lone", attempt=1)
    site.manage("study", "lone", "run-model")
    [job] = wait_for_jobs(site, "lone", "done", patience=20).values()
    assert (job.attempts, job.predictions, job.heatmaps) == (2, 1, 4)


def test_a_lowered_cap_ends_a_waiting_job_instead_of_the_command_running_on(site):
    with blocked(site.image("lowered", FIRST)):
        site.manage("study", "lowered", "run-model")
        _kill_in_mid_job(site, "lowered", attempt=1)
        site.manage("shell", "-c", "from inference.queue import QUEUE; QUEUE.reap()")
    assert _state(site, "lowered") == ("queued", 1)
    capped = site.env | {"INFERENCE_MAX_ATTEMPTS": "1"}
    last = servers.manage("infer", env=capped, timeout=60, check=False)
    assert last.returncode == 1
    assert _state(site, "lowered") == ("failed", 1)
