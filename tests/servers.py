"""Throwaway servers for the tests: PostgreSQL, Redis, gunicorn, a Celery worker, on free ports.

A server that is not installed is an error, never a skip. As a command,
``python -m tests.servers COMMAND ...`` runs the command with DATABASE_URL set to a PostgreSQL
of its own.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg2
import redis

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = float(os.environ.get("READERSTUDY_PATIENCE", "60"))  # seconds a server may take
WEB_PROCESSES = ("--workers", "2", "--threads", "4")  # the rest is in gunicorn.conf.py


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(
    ready: Callable[[], object], *, what: str, process=None, patience: float = PATIENCE
) -> None:
    """Poll until ready() is true; an exception counts as "not yet"."""
    deadline = time.monotonic() + patience
    last: Exception | None = None
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what} ended with status {process.returncode}")
        try:
            if ready():
                return
        except Exception as error:  # noqa: BLE001 (whatever a server says while it starts)
            last = error
        time.sleep(0.05)
    raise TimeoutError(f"{what} was not ready in {patience:g} s: {last!r}")


def http_client() -> httpx.Client:
    """A browser's part: it keeps cookies, and goes where it is sent. For addresses of http://."""
    return httpx.Client(follow_redirects=True, trust_env=False, verify=False)


@contextmanager
def started(command: list[str], **options) -> Iterator[subprocess.Popen]:
    """A process in its own group, ended with the block."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, sign)
                try:
                    process.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    continue


def postgres_bin() -> Path:
    """Where its programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    if initdb is None:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    return Path(initdb).parent


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[str]:
    """A PostgreSQL cluster of its own; yields its DATABASE_URL.

    With ``durable`` a commit waits for the disk, as it does where a study is read.
    """
    with postgres_cluster(durable=durable) as cluster, cluster.running():
        yield cluster.url


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL cluster that can be stopped and started again, at the same address."""

    command: list[str]
    folder: Path
    url: str

    @contextmanager
    def running(self, *, ends_by: signal.Signals = signal.SIGINT) -> Iterator[None]:
        """Its server in the block, then ended as by pg_ctl: SIGINT is a fast shutdown, SIGQUIT an
        immediate one, which leaves it to recover as after a crash."""
        with (
            Path(self.folder, "log").open("ab") as log,
            started(self.command, stdout=log, stderr=log, cwd=self.folder) as process,
        ):
            wait_until(lambda: psycopg2.connect(self.url).close() or True, what="PostgreSQL",
                       process=process)  # fmt: skip
            yield
            postmaster = int(Path(self.folder, "data/postmaster.pid").read_text().split()[0])
            os.kill(postmaster, ends_by)
            process.wait(timeout=PATIENCE)


@contextmanager
def postgres_cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """A cluster of its own, whose server does not run yet."""
    programs, port = postgres_bin(), free_port()
    # PostgreSQL refuses to run as root; Debian's package brings its own user.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="readerstudy-pg-", ignore_cleanup_errors=True) as top:
        if as_user:
            shutil.chown(top, "postgres")
        data = f"{top}/data"
        subprocess.run(
            [*as_user, f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust",
             "-E", "UTF8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd=top,
        )  # fmt: skip
        options = f"-p {port} -k {top} -c listen_addresses=127.0.0.1"
        if not durable:
            options += " -c fsync=off"
        server = [*as_user, f"{programs}/postgres", "-D", data, *options.split()]
        yield Cluster(server, Path(top), f"postgres://postgres@127.0.0.1:{port}/postgres")


@contextmanager
def redis_server(*, port: int = 0) -> Iterator[str]:
    """A Redis of its own, which keeps nothing when it ends; yields its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise FileNotFoundError("Redis is not installed: apt-get install redis-server")
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="readerstudy-redis-") as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                   "--databases", "1000", "--dir", folder]  # fmt: skip
        with started(command, stdout=subprocess.DEVNULL) as process:
            client = redis.Redis(port=port)
            wait_until(client.ping, what="Redis", process=process)
            yield f"redis://127.0.0.1:{port}/0"


def site_environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a site whose files all lie in this folder.

    Every variable that names a database or a broker is set, be it to nothing: one that is unset
    could come from a developer's ``.env``.
    """
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "READERSTUDY_VAR": str(folder),
        "READERSTUDY_DEMO": "0",
        "READERSTUDY_HTTPS": "0",
        "READERSTUDY_BEHIND_PROXY": "0",
        "READERSTUDY_SECOND_FACTOR": "0",
        "READERSTUDY_RATE_LIMIT_FACTOR": "1000",  # everyone signs in from one address
        "READERSTUDY_CACHE_URL": "",
        "READERSTUDY_MAIL": "file",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "OMP_NUM_THREADS": "1",  # many processes share few cores
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "CELERY_BROKER_URL": "",
        **more,
    }


def manage(
    *arguments: str, env: dict[str, str], check: bool = True, **options
) -> subprocess.CompletedProcess:
    """Run manage.py to its end; with ``check``, an end in failure is an error."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=check, **options
    )


@contextmanager
def gunicorn(env: dict[str, str], *, processes: tuple[str, ...] = WEB_PROCESSES) -> Iterator[str]:
    """The site itself; yields its address without a slash at the end."""
    port = free_port()
    with gunicorn_process(env, port=port, processes=processes):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def gunicorn_process(
    env: dict[str, str], *, port: int, processes: tuple[str, ...] = WEB_PROCESSES
) -> Iterator[subprocess.Popen]:
    """The site at this port, once it answers; started as an installation starts it."""
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", *processes,
               "--log-level", "warning"]  # fmt: skip
    with started(command, cwd=ROOT, env=env) as process:
        wait_until(
            lambda: httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).is_success,
            what="gunicorn", process=process,
        )  # fmt: skip
        yield process


@contextmanager
def celery_worker(
    env: dict[str, str], *, name: str = "w1", app: str = "readerstudy", queues: str = ""
) -> Iterator[subprocess.Popen]:
    """A separate worker, as an installation runs it; ``app`` may name another application, and
    ``queues`` those that it takes, separated by commas: all if none is named."""
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-P", "solo", "-c", "1",
               "-n", f"{name}@%h", "--loglevel", "WARNING",
               *(["-Q", queues] if queues else [])]  # fmt: skip
    with started(command, cwd=ROOT, env=env) as process:
        yield process


@contextmanager
def hasty_beat(env: dict[str, str], folder: Path) -> Iterator[subprocess.Popen]:
    """Celery's beat, which calls the reaper each second."""
    command = [sys.executable, "-m", "celery", "-A", "tests.services.hasty_beat", "beat",
               "--schedule", str(folder / "schedule"), "--pidfile="]  # fmt: skip
    with started(command, cwd=ROOT, env=env) as process:
        yield process


@contextmanager
def infer(env: dict[str, str], **options) -> Iterator[subprocess.Popen]:
    """The process that does a broker's work where there is none."""
    command = [sys.executable, "manage.py", "infer"]
    with started(command, cwd=ROOT, env=env, **options) as process:
        yield process


if __name__ == "__main__":
    with ExitStack() as stack:
        url = stack.enter_context(postgres())
        env = os.environ | {"DATABASE_URL": url}
        finished = subprocess.run(sys.argv[1:], check=False, env=env)
    sys.exit(finished.returncode)
