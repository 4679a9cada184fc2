"""A worker's memory does not grow with the number of cases that it has done.

READERSTUDY_CASES sets how many it does; the project's own measure is 1000.
"""

import os
import subprocess
import sys
import time

import psutil
import pytest

from tests import servers
from tests.services.site import Site, Sketch

pytestmark = pytest.mark.services

CASES = int(os.environ.get("READERSTUDY_CASES", "240"))
SLUG = "many"
# Bytes. The allocator's own unrest is 40 to 105 MiB; what one case's input takes, kept for each of
# the cases that follow the first fifth, would be 220.
BOUND = 150 * 2**20


@pytest.fixture
def site(make_site) -> Site:
    site = make_site()
    site.build(Sketch(SLUG, cases=0, steps=()))
    subprocess.run(
        [sys.executable, "-m", "tests.services.many_cases", SLUG, str(CASES)],
        cwd=servers.ROOT, env=site.env, check=True,
    )  # fmt: skip
    return site


def _done(site: Site) -> int:
    return site.value("SELECT count(*) FROM inference_inferencejob WHERE state = 'done'")


def _watched(site: Site, worker: psutil.Process) -> list[tuple[int, int]]:
    """(cases done, bytes of resident memory), as the worker goes on to the last case."""
    seen = []
    while not seen or seen[-1][0] < CASES:
        assert worker.is_running()
        seen.append((_done(site), worker.memory_info().rss))
        time.sleep(0.02)
    return seen


@pytest.mark.rest("it takes many cases to show what each of them leaves")
def test_the_peak_is_reached_early_and_stays(site):
    with servers.celery_worker(site.env) as process:
        seen = _watched(site, psutil.Process(process.pid))
    early = max(rss for done, rss in seen if done <= CASES // 5)
    late = max(rss for done, rss in seen if done > CASES // 5)
    print(f"peak resident memory: {early / 2**20:.1f} MiB in the first {CASES // 5} cases, "
          f"{late / 2**20:.1f} MiB in the {CASES - CASES // 5} after")  # fmt: skip
    assert late - early < BOUND
