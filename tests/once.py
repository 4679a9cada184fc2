"""What a run of the tests builds once, whichever of its processes needs it first.

The process that was called (under xdist the one that hands out the tests) owns the run's folder,
and all that is built lies there and goes with it. So nothing can be left over from an older
version of the code. A server is held by a process of its own, as a command
``python -m tests.once SERVER FOLDER``, until the run ends, even where its owner was killed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from filelock import FileLock

from tests import servers

FOLDER, OWNER = "READERSTUDY_TESTS_RUN", "READERSTUDY_TESTS_OWNER"  # in the environment
HELD = {
    "postgres": servers.postgres,
    "redis": servers.redis_server,
    "gunicorn": lambda: servers.gunicorn(dict(os.environ)),
}
END_PATIENCE = 30  # seconds in which all servers must have ended


def begin() -> None:
    """Make this process the owner of a new run."""
    os.environ |= {
        FOLDER: tempfile.mkdtemp(prefix="readerstudy-run-"),
        OWNER: str(os.getpid()),
    }


def end() -> None:
    """End the run's servers and take its folder away, once no process works in it any more."""
    run = Path(os.environ.pop(FOLDER))
    (run / "ended").touch()
    holders = [psutil.Process(pid) for file in run.glob("*/pid") if _lives(pid := _pid(file))]
    _gone, left = psutil.wait_procs(holders, timeout=END_PATIENCE)
    shutil.rmtree(run, ignore_errors=True)
    if left:
        raise RuntimeError(f"servers of the tests did not end: {left}")


def _pid(file: Path) -> int:
    return int(file.read_text())


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def built(name: str, build: Callable[[Path], object]) -> Path:
    """The folder of this name, in which ``build`` has worked once; a failed try is forgotten."""
    run = Path(os.environ[FOLDER])
    folder, whole = run / name, run / f"{name}.whole"
    with FileLock(run / f"{name}.lock"):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            whole.touch()
    return folder


def server(name: str, kind: str, env: dict[str, str] | None = None) -> str:
    """The address of the server of this name, of one of the kinds in ``HELD``."""
    folder = built(name, lambda folder: _start(folder, kind, env or dict(os.environ)))
    return (folder / "address").read_text()


def number(of: str) -> int:
    """1, 2, ...: never the same twice in a run."""
    file = Path(os.environ[FOLDER], f"{of}.number")
    with FileLock(f"{file}.lock"):
        following = int(file.read_text()) + 1 if file.exists() else 1
        file.write_text(str(following))
    return following


def _start(folder: Path, kind: str, env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tests.once", kind, str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=servers.ROOT, env=env, stdout=log, stderr=log, start_new_session=True
        )
    (folder / "pid").write_text(str(process.pid))
    servers.wait_until((folder / "address").exists, what=f"{kind} ({folder})", process=process)


def _hold(kind: str, folder: Path) -> None:
    """Run a server until the run ends."""
    owner = int(os.environ[OWNER])
    with HELD[kind]() as address:
        waiting = folder / "address.new"
        waiting.write_text(address)
        waiting.rename(folder / "address")
        while not (folder.parent / "ended").exists() and _lives(owner):
            time.sleep(0.2)


if __name__ == "__main__":
    _hold(sys.argv[1], Path(sys.argv[2]))
