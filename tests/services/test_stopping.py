"""A worker that is told to stop ends in good order: what it has in hand is done or put back."""

import signal
import subprocess
import time
from collections import Counter

import pytest

from inference.management.commands.infer import INTERRUPTED
from tests import servers
from tests.servers import PATIENCE
from tests.services.blocking import blocked
from tests.services.site import Job, Site, Sketch, wait_for_jobs

pytestmark = pytest.mark.services

CASES, BATCH = 5, 2
FIRST = "hidden-0"
SETTINGS = {
    "INFERENCE_BATCH_SIZE": str(BATCH),
    "INFERENCE_STALE_SECONDS": "3600",  # nothing here is brought back by the reaper
}
STUDIES = [
    Sketch(slug, cases=CASES, steps=(), image_size=(48, 64)) for slug in ("asked", "insisted")
]


@pytest.fixture(scope="module")
def celery_site(make_site) -> Site:
    site = make_site(**SETTINGS)
    site.build(*STUDIES)
    return site


@pytest.fixture(scope="module")
def brokerless_site(tmp_path_factory) -> Site:
    site = Site(tmp_path_factory.mktemp("stopping"), SETTINGS)
    site.build(*STUDIES)
    return site


@pytest.fixture(params=["celery", "infer"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def site(request, kind) -> Site:
    return request.getfixturevalue({"celery": "celery_site", "infer": "brokerless_site"}[kind])


def _start(kind: str, site: Site, slug: str):
    """A worker at the study's jobs."""
    if kind == "celery":
        site.manage("study", slug, "run-model")
        return servers.celery_worker(site.env)
    site.queue_model(slug)
    return servers.infer(site.env, stdout=subprocess.PIPE, text=True)


def _wait_until_held(site: Site, slug: str, worker: subprocess.Popen) -> None:
    """Until the worker has a whole batch, whose first image it can't read yet."""
    servers.wait_until(
        lambda: sum(job.state == "running" for job in site.jobs(slug).values()) == BATCH,
        what="a batch in hand", process=worker,
    )  # fmt: skip


def _seen(jobs: dict[str, Job]) -> Counter:
    """How many jobs are in which state, after how many attempts, with how many strikes."""
    return Counter((job.state, job.attempts, job.strikes) for job in jobs.values())


@pytest.mark.slow("each worker is a process that loads torch")
def test_told_to_stop_a_worker_does_what_it_has_in_hand_and_ends_well(site, kind):
    with blocked(site.image("asked", FIRST)) as let_go, _start(kind, site, "asked") as worker:
        _wait_until_held(site, "asked", worker)
        worker.send_signal({"celery": signal.SIGTERM, "infer": signal.SIGINT}[kind])
        time.sleep(1)
        assert worker.poll() is None
        let_go()
        said, _ = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    assert _seen(site.jobs("asked")) == {("done", 1, 0): BATCH, ("queued", 0, 0): CASES - BATCH}
    if kind == "infer":
        assert f"Cases done: {BATCH} in" in said
        assert f"Cases still in the queue: {CASES - BATCH}." in said
    _the_next_worker_does_the_rest(site, kind, "asked")


@pytest.mark.slow("each worker is a process that loads torch")
def test_told_again_infer_puts_back_what_it_has_in_hand(brokerless_site):
    site = brokerless_site
    with blocked(site.image("insisted", FIRST)), _start("infer", site, "insisted") as worker:
        _wait_until_held(site, "insisted", worker)
        for _ in range(2):
            worker.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        worker.communicate(timeout=PATIENCE)
    assert worker.returncode == INTERRUPTED
    seen = _seen(site.jobs("insisted"))
    assert seen == {("queued", 1, 0): BATCH, ("queued", 0, 0): CASES - BATCH}
    _the_next_worker_does_the_rest(site, "infer", "insisted")


def _the_next_worker_does_the_rest(site: Site, kind: str, slug: str) -> None:
    before = site.jobs(slug)
    start = {"celery": servers.celery_worker, "infer": servers.infer}[kind]
    with start(site.env) as worker:
        jobs = wait_for_jobs(site, slug, "done")
    for case_id, job in jobs.items():
        assert (job.predictions, job.heatmaps) == (1, 4)
        if before[case_id].state == "queued":
            assert (job.attempts, job.pid) == (before[case_id].attempts + 1, worker.pid)
