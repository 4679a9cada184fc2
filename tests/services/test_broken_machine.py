"""A machine that fails the real kinds of job, in real processes: each job is done once, the reason
that its page gives meanwhile is true, and no case is blamed.

The same on a kind that loads nothing, and on SQLite: test_jobs.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from readerstudy.jobs.worker import EXIT_OVERDUE
from tests import servers
from tests.services import test_import_death as imports
from tests.services.blocking import blocked
from tests.services.site import Site, Sketch
from tests.services.source import write_source

pytestmark = pytest.mark.services

APP = "tests.services.broken_machine"
MODEL, MEMORY, IMPORT = "model", "memory", "import"
AWAY, HUNG = "hidden-0", "hidden-1"
CASES = 8
HASTE = {
    "INFERENCE_BATCH_SIZE": str(CASES),
    "INFERENCE_HEARTBEAT_SECONDS": "0.25",
    "INFERENCE_STALE_SECONDS": "2",
    "INFERENCE_DEADLINE_SECONDS": "6",
    "JOB_FIRST_PAUSE_SECONDS": "0.5",
    "JOB_LONGEST_PAUSE_SECONDS": "1",
}
# The reasons that waiting jobs give.
WEIGHTS = r"^The weights of .* can't be read \(FileNotFoundError"
IMAGES = r"^The folder of the images can't be read \(FileNotFoundError"
GPU = r"^The GPU \(cuda\) is of no more use to this process.*illegal memory access"
FILE = r"^FileNotFoundError: .*No such file"
HUNG_REASON = r"^The worker hung"


@pytest.fixture(scope="module")
def site(make_site) -> Site:
    site = make_site(**HASTE)
    site = Site(site.folder, site.more | imports.roots(site.folder))
    site.build(
        Sketch(MODEL, cases=CASES, steps=()),
        Sketch(MEMORY, cases=CASES, steps=()),
        Sketch(IMPORT, cases=0, steps=()),
    )
    return site


@pytest.fixture(scope="module", autouse=True)
def beat(site, tmp_path_factory):
    with servers.hasty_beat(site.env, tmp_path_factory.mktemp("beat")):
        yield


def work_until(site: Site, is_reached: Callable[[], bool], *, what: str) -> None:
    """Have a worker work until this; it goes on living."""
    with servers.celery_worker(site.env, app=APP) as worker:
        servers.wait_until(is_reached, what=what, process=worker)


def work_to_its_end(site: Site) -> int:
    """Have a worker work until it ends by itself; its status."""
    with servers.celery_worker(site.env, app=APP) as worker:
        return worker.wait(timeout=servers.PATIENCE)


def all_wait_for(site: Site, reason: str) -> bool:
    return all(re.search(reason, job.reason) for job in site.jobs(MODEL).values())


def is_done(site: Site, slug: str) -> bool:
    return {job.state for job in site.jobs(slug).values()} <= {"done", "failed"}


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Within the block it is not where it belongs."""
    kept = path.rename(path.with_name(f"{path.name}.away"))
    try:
        yield
    finally:
        kept.replace(path)


@pytest.mark.slow("five workers that load torch, one of which hangs until its deadline")
def test_the_model_is_run_once_for_each_case_whatever_the_machine_does(site):
    media = site.folder / "media"
    with away(media / "weights"):
        site.manage("study", MODEL, "run-model")
        work_until(site, lambda: all_wait_for(site, WEIGHTS), what="all to wait for weights")
    with away(media / "images"):
        work_until(site, lambda: all_wait_for(site, IMAGES), what="all to wait for images")
    (site.folder / "gpu-fails").touch()
    assert work_to_its_end(site) == EXIT_OVERDUE
    jobs = site.jobs(MODEL).values()
    assert any(re.search(GPU, job.reason) for job in jobs)
    assert {job.strikes for job in jobs} == {0}
    with away(site.image(MODEL, AWAY)), blocked(site.image(MODEL, HUNG)):
        assert work_to_its_end(site) == EXIT_OVERDUE
    jobs = site.jobs(MODEL)
    assert re.search(FILE, jobs[AWAY].reason)
    assert re.search(HUNG_REASON, jobs[HUNG].reason)
    work_until(site, lambda: is_done(site, MODEL), what="all jobs to be done")
    done = {(job.state, job.predictions, job.heatmaps) for job in site.jobs(MODEL).values()}
    assert done == {("done", 1, 4)}


def test_a_batch_for_which_memory_is_short_is_done_in_parts(site):
    site.manage("study", MEMORY, "run-model")
    work_until(site, lambda: is_done(site, MEMORY), what="all jobs to be done")
    done = {(job.state, job.attempts, job.predictions) for job in site.jobs(MEMORY).values()}
    assert done == {("done", 1, 1)}
    assert (site.folder / "too-large").read_text().split() == ["8", "4", "4"]


def test_an_import_waits_while_the_disk_is_full_and_is_done_once(site):
    source = write_source(site.folder / "root" / IMPORT, cases=CASES)
    full = site.folder / "disk-full"
    full.touch()
    with servers.celery_worker(site.env, app=APP):
        imports.shell(site, imports.PREPARE.format(slug=IMPORT, path=str(source)))
        imports.wait_for(site, "checked")
        before = imports.counts(site)
        imports.shell(site, imports.CONFIRM)
        waiting = "SELECT state, reason FROM cohorts_importjob WHERE reason <> ''"
        servers.wait_until(lambda: site.rows(waiting), what="the import to wait")
        assert site.rows(waiting) == [("confirmed", "The disk is full.")]
        assert imports.counts(site) == before
        full.unlink()
        imports.wait_for(site, "done", "failed")
    assert imports.job(site)[0] == "done"
    added = [after - old for after, old in zip(imports.counts(site), before, strict=True)]
    assert added == [CASES, 2 * CASES, 2 * CASES]
