"""A worker and beat say that they live, whatever they do; one that was killed stays to be seen."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import servers

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def site(make_site, tmp_path_factory):
    sign = tmp_path_factory.mktemp("sign") / "alive"
    site = make_site(READERSTUDY_SIGN_OF_LIFE_FILE=str(sign))
    site.build()
    return site


def processes(site) -> dict[str, tuple[str, str]]:
    """Role and queues by the part of the name before the machine's."""
    rows = site.rows("SELECT name, role, queues FROM monitoring_backgroundprocess")
    return {name.partition("@")[0]: (role, queues) for name, role, queues in rows}


@contextmanager
def beat(site):
    command = [sys.executable, "-m", "celery", "-A", "readerstudy", "beat", "--pidfile=",
               "--schedule", str(site.folder / "schedule")]  # fmt: skip
    with servers.started(command, cwd=servers.ROOT, env=site.env) as process:
        yield process


def test_a_worker_says_that_it_lives_and_goes_when_it_is_told_to(site):
    began = time.time()
    sign = Path(site.env["READERSTUDY_SIGN_OF_LIFE_FILE"])
    with servers.celery_worker(site.env, name="some", queues="imports,analysis") as worker:
        servers.wait_until(lambda: processes(site), what="a sign of life", process=worker)
        assert processes(site) == {"some": ("worker", "imports,analysis")}
        assert sign.stat().st_mtime >= began - 1
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert processes(site) == {}


def test_beat_does_so_too(site):
    with beat(site) as process:
        servers.wait_until(lambda: "beat" in processes(site), what="beat", process=process)
        assert processes(site)["beat"] == ("beat", "")
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert processes(site) == {}


def test_one_that_was_killed_stays(site):
    with servers.celery_worker(site.env, name="killed") as worker:
        servers.wait_until(lambda: processes(site), what="a sign of life", process=worker)
        worker.send_signal(signal.SIGKILL)
        worker.wait(60)
    assert set(processes(site)) == {"killed"}


def test_the_health_check_of_a_container_looks_at_it(tmp_path):
    script = servers.ROOT / "docker" / "healthcheck.py"
    sign = tmp_path / "alive"
    code = (
        f"import runpy, sys; sys.argv = ['', 'process'];"
        f"check = runpy.run_path({str(script)!r});"
        f"check['process'].__globals__['SIGN'] = __import__('pathlib').Path({str(sign)!r});"
        "sys.exit(check['process']() or 0)"
    )

    def ask() -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    assert ask() == (1, "it has given no sign of life yet\n")
    sign.touch()
    assert ask()[0] == 0
    old = time.time() - 600
    os.utime(sign, (old, old))
    assert "for 600 seconds" in ask()[1]
