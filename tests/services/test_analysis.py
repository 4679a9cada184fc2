"""Analyses in processes of their own: executed, killed, and the same on either database."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from analysis.plan import Intervals, Plan
from tests import servers
from tests.goldens.kept import differences, read
from tests.services.site import Client, Site, Sketch
from tests.services.templates import new_database

pytestmark = pytest.mark.services

STALE = 2.0  # seconds
SLOW = Plan(intervals=Intervals(resamples=100_000)).to_document()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Without a broker, a study read and unblinded."""
    folder = tmp_path_factory.mktemp("analysis")
    site = Site(folder, {"ANALYSIS_STALE_SECONDS": str(STALE), "ANALYSIS_HEARTBEAT_SECONDS": "0.2"})
    site.build(Sketch("read", cases=4, steps=("open", "lock", "unblind")))
    return site


def test_a_child_that_is_killed_is_seen_and_the_next_one_finishes(site):
    with servers.gunicorn(site.env) as address:
        ivan = Client(address, "ivan")
        page = ivan.start_run("read", document=SLOW)
        assert page.url.path == "/results/read/runs/1/"
        assert 'id="under-way"' in page.text
        servers.wait_until(
            lambda: site.run("read", 1).steps_done > 0 or site.run("read", 1).state == "done",
            what="the first section",
        )
        os.kill(site.run("read", 1).pid, signal.SIGKILL)
        time.sleep(STALE + 0.5)
        assert site.run("read", 1).state == "running"  # nobody could tell it otherwise
        assert "This run failed" in ivan.get("/results/read/runs/1/").text
        assert site.run("read", 1).reason.startswith("The process stopped unexpectedly")
        ivan.start_run("read")
        servers.wait_until(
            lambda: site.run("read", 2).state in ("done", "failed"), what="the second run"
        )
        run = site.run("read", 2)
        assert run.state == "done", run.reason
        assert run.results_sha256 in ivan.get("/results/read/runs/2/").text
        assert run.pid not in (os.getpid(), site.run("read", 1).pid)


@pytest.mark.slow("builds, reads and analyses a study on each database")
def test_sqlite_and_postgresql_give_the_same_bytes(postgres_server, tmp_path):
    found = []
    for name, more in (
        ("sqlite", {}),
        ("postgresql", {"DATABASE_URL": new_database(postgres_server, "same_bytes")}),
    ):
        (tmp_path / name).mkdir()
        env = servers.site_environment(tmp_path / name, **more)
        done = subprocess.run(
            [sys.executable, "-m", "tests.services.same_study"],
            cwd=servers.ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    assert [each.pop("vendor") for each in found] == ["sqlite", "postgresql"]
    assert found[0] == found[1]
    assert len(found[0]["results"]) > 100_000
    kept = read("same-study.json.gz")  # and what they were, for ever
    assert found[0]["data"] == kept["data"]
    assert list(differences(kept["results"], json.loads(found[0]["results"]))) == []
