"""Whatever befalls jobs and their workers, in real processes: each is done once or fails, by its
true reason, and takes no other with it. The jobs are of a kind that loads nothing; the real kinds
have one such test each (worker and import death, deadly case, runs and exports).
"""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests import servers
from tests.services import templates
from tests.services.site import Site

pytestmark = pytest.mark.services

ATTEMPTS = 2
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "tests.jobs.light.settings",
    "IMPORT_MAX_ATTEMPTS": str(ATTEMPTS),
    "IMPORT_STALE_SECONDS": "1",
    "IMPORT_HEARTBEAT_SECONDS": "0.2",
    "IMPORT_DEADLINE_SECONDS": "2.5",
    "JOB_FIRST_PAUSE_SECONDS": "0.1",
    "JOB_LONGEST_PAUSE_SECONDS": "1",
}
DONE = ["finish", "die finish", "hang finish", "break finish", "passing finish", "full full finish",
        "wait"]  # fmt: skip
FAILED = {
    "die": "The worker died each time it ran this job.",
    "hang": "The job hung each time it was run: it was ended at its deadline.",
    "fail": "It said so.",
    "err": "RuntimeError: unforeseen",
    "passing": "It may pass.",
}
QUEUED_BY_NOBODY = """
from tests.jobs.light.models import LightJob
LightJob.objects.bulk_create(LightJob(does=does) for does in {jobs!r})
"""


@pytest.fixture(params=["sqlite-child", "postgresql-celery"])
def site(request, tmp_path) -> Site:
    """A site with jobs whose messages were lost: nobody was sent for them."""
    if request.param == "sqlite-child":
        found = Site(tmp_path, dict(SETTINGS))
    else:
        found = request.getfixturevalue("make_site")(**SETTINGS)
    templates.copy_to(found.folder, found.env["DATABASE_URL"])
    found.manage("migrate", "light", "-v0")
    found.manage("shell", "-v0", "-c", QUEUED_BY_NOBODY.format(jobs=[*DONE, *FAILED]))
    return found


def rows(site: Site) -> dict[str, tuple[str, int, str]]:
    """(state, how often it was done, reason) by what a job does."""
    found = site.rows("SELECT does, state, results, reason FROM light_lightjob")
    return {does: tuple(rest) for does, *rest in found}


def is_settled(site: Site) -> bool:
    return {state for state, *_ in rows(site).values()} <= {"done", "failed"}


def supervise(site: Site, start: Callable[[], subprocess.Popen]) -> list[int]:
    """Start the worker again whenever it ends, as a supervisor does; its statuses until then."""
    ended = []
    deadline = time.monotonic() + 4 * servers.PATIENCE
    while not is_settled(site):
        with ExitStack() as stack:
            worker = stack.enter_context(start())
            while worker.poll() is None and not is_settled(site):
                assert time.monotonic() < deadline, rows(site)
                time.sleep(0.2)
            ended.append(worker.poll())
    return ended


@pytest.mark.slow("workers that are killed, hang or break are started again seven times")
def test_each_job_is_done_once_or_fails_by_its_true_reason(site, tmp_path):
    if site.env.get("CELERY_BROKER_URL"):
        with servers.hasty_beat(site.env, tmp_path):
            ended = supervise(site, lambda: servers.celery_worker(site.env))
    else:
        command = [sys.executable, "manage.py", "run_jobs", "light"]
        ended = supervise(site, lambda: servers.started(command, cwd=servers.ROOT, env=site.env))
    found = rows(site)
    assert {does: found[does] for does in DONE} == dict.fromkeys(DONE, ("done", 1, ""))
    assert {does: found[does] for does in FAILED} == {
        does: ("failed", 0, reason) for does, reason in FAILED.items()
    }
    assert {-9, 75} <= set(ended)  # killed, and ended at a deadline or by what was broken


def test_a_worker_without_the_device_that_the_settings_name_ends_at_once(make_site):
    site = make_site(INFERENCE_DEVICE="cuda:0", INFERENCE_STALE_SECONDS="60")
    templates.copy_to(site.folder, site.env["DATABASE_URL"])
    with servers.celery_worker(site.env) as worker:
        assert worker.wait(timeout=servers.PATIENCE) == 1
    with servers.celery_worker(site.env, queues="imports") as other:
        time.sleep(3)
        assert other.poll() is None  # it runs no model
    refused = site.manage("infer", check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "INFERENCE_DEVICE is cuda:0, but torch finds 0 GPUs" in refused.stderr
