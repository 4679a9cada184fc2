"""What a run of the tests builds once: once indeed, and gone with the run."""

import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests import once, servers

HOLDING = """
from tests import once
once.begin()
once.server("lasting", "redis")
print(os.environ[once.FOLDER], (once.Path(os.environ[once.FOLDER]) / "lasting/pid").read_text())
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of its own within this one."""
    monkeypatch.setenv(once.FOLDER, str(tmp_path))
    return tmp_path


def test_whoever_asks_first_builds_and_all_get_the_same(run):
    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "content").write_text("whole")

    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: once.built("thing", build), range(8)))
    assert [folder.joinpath("content").read_text() for folder in folders] == ["whole"]
    assert calls == list(folders)


def test_a_build_that_failed_is_begun_anew_from_an_empty_folder(run):
    def fail(folder):
        (folder / "half").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        once.built("thing", fail)
    assert list(once.built("thing", lambda folder: None).iterdir()) == []


def test_no_number_comes_twice(run):
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: once.number("site"), range(20))) == list(range(1, 21))


@pytest.mark.parametrize("last_words", ["once.end()", f"os.kill(os.getpid(), {signal.SIGKILL:d})"])
def test_servers_end_with_their_run_even_where_it_was_killed(last_words):
    code = f"import os, sys{HOLDING}sys.stdout.flush(); {last_words}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=servers.ROOT, capture_output=True, text=True, check=False
    )
    folder, pid = done.stdout.split()
    servers.wait_until(lambda: not psutil.pid_exists(int(pid)), what="the end of the server")
    assert Path(folder).exists() == ("kill" in last_words)
    shutil.rmtree(folder, ignore_errors=True)
