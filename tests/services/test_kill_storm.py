"""A worker that is killed again and again at random moments: each job is done once, none is lost.

READERSTUDY_KILLS sets the number of kills; the project's own measure is 50.
"""

import io
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests import servers
from tests.services.site import Job, Site, Sketch, wait_for_jobs

pytestmark = [
    pytest.mark.services,
    pytest.mark.rest("make test kills a worker in test_worker_death and in test_brokerless"),
]

KILLS = int(os.environ.get("READERSTUDY_KILLS", "5"))
BROKERLESS_KILLS = 2
CASES_A_KILL = 12
START_UP = 6.0  # seconds in which kills at start-up come
PAUSE = 0.3  # seconds in which other kills come, once the worker has done some cases
CALM, STORM = "calm", "storm"
SETTINGS = {
    "INFERENCE_BATCH_SIZE": "4",
    "INFERENCE_HEARTBEAT_SECONDS": "0.25",
    "INFERENCE_STALE_SECONDS": "2",
    # A kill every few seconds tells nothing of the case that happens to be in hand.
    "INFERENCE_MAX_ATTEMPTS": "20",
}


@pytest.fixture(scope="module")
def celery(make_site, tmp_path_factory) -> SimpleNamespace:
    """A storm over a Celery worker, with beat calling the reaper, and a worker left alone after."""
    site = make_site(**SETTINGS)
    files = _build(site, cases=KILLS * CASES_A_KILL)
    with servers.hasty_beat(site.env, tmp_path_factory.mktemp("beat")):
        site.manage("study", STORM, "run-model")
        held = _storm(site, servers.celery_worker, kills=KILLS)
        with servers.celery_worker(site.env):
            return _aftermath(site, files, held)


@pytest.fixture(scope="module")
def brokerless(tmp_path_factory) -> SimpleNamespace:
    """The same over ``manage.py infer``."""
    site = Site(tmp_path_factory.mktemp("brokerless-storm"), SETTINGS)
    files = _build(site, cases=BROKERLESS_KILLS * CASES_A_KILL)
    site.queue_model(STORM)
    held = _storm(site, servers.infer, kills=BROKERLESS_KILLS)
    time.sleep(float(SETTINGS["INFERENCE_STALE_SECONDS"]))
    with servers.infer(site.env):
        return _aftermath(site, files, held)


@pytest.fixture(params=["celery", "brokerless"])
def storm(request) -> SimpleNamespace:
    return request.getfixturevalue(request.param)


def _build(site: Site, *, cases: int) -> set[Path]:
    """Two studies of the same images, of which one is run in peace; the files stored by then."""
    site.build(
        *(Sketch(slug, cases=cases, steps=(), image_size=(48, 64)) for slug in (CALM, STORM))
    )
    site.queue_model(CALM)
    site.manage("infer")
    return _files(site)


def _files(site: Site) -> set[Path]:
    return set((site.folder / "media").rglob("*"))


def _storm(site: Site, start: Callable, *, kills: int) -> Counter:
    """Kill workers at random moments, the first one with a job in hand for certain.

    Returns of how many jobs in hand each kill made an end.
    """
    moments, held = random.Random(kills), Counter()
    while held.total() < kills:
        with start(site.env) as worker:
            if not held:
                _stop_in_mid_job(site, worker)
            elif moments.random() < 0.3:
                _wait(worker, moments.uniform(0, START_UP))
            else:
                _wait_for_cases(site, worker, moments.randrange(CASES_A_KILL))
                _wait(worker, moments.uniform(0, PAUSE))
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
                held[_count(site, worker.pid, "running")] += 1
        assert _left(site), f"too few cases: after {held.total()} kills all of them are done"
    return held


def _stop_in_mid_job(site: Site, worker) -> None:
    """Halt the worker as soon as it has a job in hand, so that the kill finds it there."""

    def halted_in_mid_job() -> bool:
        if not _count(site, worker.pid, "running"):
            return False
        os.killpg(worker.pid, signal.SIGSTOP)
        if _count(site, worker.pid, "running"):
            return True
        os.killpg(worker.pid, signal.SIGCONT)
        return False

    servers.wait_until(halted_in_mid_job, what="a job in hand")


def _wait(worker, seconds: float) -> None:
    """Wait, or until the worker ends by itself."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and worker.poll() is None:
        time.sleep(0.01)


def _wait_for_cases(site: Site, worker, cases: int) -> None:
    """Wait until the worker has taken a job and done so many, or ended by itself."""

    def they_are() -> bool:
        taken = _count(site, worker.pid, "running", "done")
        return taken and _count(site, worker.pid, "done") >= cases

    servers.wait_until(
        lambda: worker.poll() is not None or they_are() or not _left(site), what=f"{cases} cases"
    )


def _count(site: Site, pid: int, *states: str) -> int:
    """How many jobs that this process took last are in these states."""
    return site.value(
        "SELECT count(*) FROM inference_inferencejob WHERE worker LIKE %s"
        f" AND state IN ({', '.join(['%s'] * len(states))})",
        f"%:{pid}", *states,
    )  # fmt: skip


def _left(site: Site) -> int:
    return site.value("SELECT count(*) FROM inference_inferencejob WHERE state <> 'done'")


def _aftermath(site: Site, files: set[Path], held: Counter) -> SimpleNamespace:
    jobs = wait_for_jobs(site, STORM, "done", "failed", patience=2 * servers.PATIENCE)
    attempts = Counter(job.attempts for job in jobs.values())
    strikes = Counter(job.strikes for job in jobs.values())
    for what, counts in (("jobs in hand", held), ("attempts", attempts), ("strikes", strikes)):
        print(f"{held.total()} kills; {what}: {dict(sorted(counts.items()))}")
    return SimpleNamespace(site=site, jobs=jobs, held=held, new_files=_files(site) - files)


def test_every_job_is_done_once(storm):
    job: Job
    for case_id, job in storm.jobs.items():
        assert (job.state, job.predictions, job.heatmaps) == ("done", 1, 4), (case_id, job)


def test_some_kills_came_with_jobs_in_hand(storm):
    assert sum(kills for jobs, kills in storm.held.items() if jobs) > 0
    assert max(job.attempts for job in storm.jobs.values()) > 1


def test_nothing_is_left_half_written(storm):
    predictions = storm.site.rows("SELECT id FROM inference_prediction")
    whole = storm.site.rows(
        "SELECT prediction_id FROM inference_heatmap GROUP BY prediction_id HAVING count(*) = 4"
    )
    assert len(predictions) == 2 * len(storm.jobs)
    assert sorted(whole) == sorted(predictions)
    assert storm.new_files == set()


def test_the_results_are_those_of_an_undisturbed_run(storm):
    calm, stormy = (_results(storm.site, slug) for slug in (CALM, STORM))
    assert calm.keys() == stormy.keys()
    for key, values in calm.items():
        rounding = 1e-5 if len(key) == 1 else 1  # other batches, other float rounding
        np.testing.assert_allclose(stormy[key], values, rtol=0, atol=rounding, err_msg=str(key))


def _results(site: Site, slug: str) -> dict[tuple, np.ndarray]:
    """Probabilities by (case,) and heatmaps by (case, level, modality)."""
    cases = ("JOIN cohorts_case c ON c.id = p.case_id JOIN cohorts_cohort h ON h.id = c.cohort_id"
             " JOIN cohorts_study s ON s.id = h.study_id WHERE s.slug = %s")  # fmt: skip
    rows = site.rows(
        "SELECT c.case_id, p_malignant, p_tuberculous, p_metastatic"
        f" FROM inference_prediction p {cases}",
        slug,
    )
    maps = site.rows(
        "SELECT c.case_id, m.level, m.modality, m.png FROM inference_heatmap m"
        f" JOIN inference_prediction p ON p.id = m.prediction_id {cases}",
        slug,
    )
    return {(case_id,): np.array(p) for case_id, *p in rows} | {
        tuple(key): np.asarray(Image.open(io.BytesIO(png)), int) for *key, png in maps
    }
