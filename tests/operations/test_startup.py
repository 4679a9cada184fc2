"""A site whose settings are wrong says so in one line, from each of its processes."""

import subprocess
import sys
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from tests import servers

WEB = ["-m", "gunicorn", "readerstudy.wsgi", "-b", "127.0.0.1:0", "--log-level", "critical"]
PROCESSES = {
    "a command": (["manage.py", "check"], 1),
    "the web server": (WEB, 4),
    "a worker": (["-m", "celery", "-A", "readerstudy", "worker", "-P", "solo"], 1),
    "beat": (["-m", "celery", "-A", "readerstudy", "beat"], 1),
}
LOADING = ["-c", "from readerstudy.operations.process_entry import load_settings; load_settings()"]
WRONG = [
    ("TIME_ZONE", "Mars/Base", 'no time zone "Mars/Base"'),
    ("TIME_ZONE", "../../etc/passwd", "no time zone"),
    ("INFERENCE_DEVICE", "gpu", "use auto, cpu or cuda"),
    ("DATABASE_URL", "not the address", "DATABASE_URL is not the address"),
    ("DATABASE_URL", "mysql://a:SECRET@b/c", "DATABASE_URL is not the address"),
    ("CELERY_BROKER_URL", "SECRET", "write it as redis://"),
    ("READERSTUDY_CACHE_URL", "SECRET", "write it as redis://"),
    ("EMAIL_PORT", "smtp", "EMAIL_PORT"),
    ("EMAIL_PORT", "70000", "less than or equal to 65535"),
    ("INFERENCE_BATCH_SIZE", "0", "INFERENCE_BATCH_SIZE"),
    ("INFERENCE_STALE_SECONDS", "nan", "INFERENCE_STALE_SECONDS"),
    ("READERSTUDY_INVITATION_DAYS", "-1", "READERSTUDY_INVITATION_DAYS"),
    ("READERSTUDY_HTTPS", "perhaps", "READERSTUDY_HTTPS"),
    ("READERSTUDY_MAIL", "pigeon", "READERSTUDY_MAIL"),
    ("LOG_LEVEL", "LOUD", "use one of DEBUG"),
    ("CSRF_TRUSTED_ORIGINS", "reading.example.org", "write https://reading.example.org"),
    ("READERSTUDY_VAR", "/dev/null/site", "READERSTUDY_VAR: /dev/null/site can't be used"),
    ("READERSTUDY_VAR", "/", "files that do not belong to the site"),
    ("SECRET_KEY_FILE", "/nowhere/key", "SECRET_KEY_FILE: /nowhere/key can't be read"),
]


def started(arguments: list[str], folder, **more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], cwd=servers.ROOT, check=False, timeout=servers.PATIENCE,
        env=servers.site_environment(folder, **more), capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_setting_is_said_in_one_line_with_what_to_do(name, value, said, tmp_path):
    ended = started(LOADING, tmp_path / "var", **{name: value})
    [line] = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert said in line
    assert "SECRET" not in line.replace("SECRET_KEY", "")
    assert ended.stdout == ""


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_stops_at_a_wrong_setting(process, tmp_path):
    arguments, status = PROCESSES[process]
    ended = started(arguments, tmp_path / "var", TIME_ZONE="Mars/Base")
    assert ended.returncode == status
    assert 'no time zone "Mars/Base"' in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_stops_at_a_key_that_others_can_read(process, tmp_path):
    key = tmp_path / "secret_key"
    key.write_text("x" * 50)
    key.chmod(0o644)
    arguments, status = PROCESSES[process]
    ended = started(arguments, tmp_path)
    assert ended.returncode == status
    assert f"chmod 600 {key}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "audit_key").exists()


def test_a_command_without_its_tables_or_its_database_says_what_to_run_or_check(tmp_path):
    ended = started(["manage.py", "alerts"], tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "The database has not been migrated to this version. Run: manage.py migrate\n"
    )
    url = f"postgres://site:SECRET@127.0.0.1:{servers.free_port()}/site"
    ended = started(["manage.py", "alerts"], tmp_path, DATABASE_URL=url)
    [line] = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert "Check that it is running, that DATABASE_URL is correct" in line
    assert "SECRET" not in line


NOBODY = f"postgres://site:SECRET@127.0.0.1:{servers.free_port()}/site"


@pytest.mark.parametrize("case", ["nobody listens", "no such database"])
def test_the_web_server_warns_of_a_database_that_it_can_not_use_and_starts(case, tmp_path):
    with ExitStack() as stack:
        url, cause = NOBODY, "Connection refused"
        if case == "no such database":
            there = urlsplit(stack.enter_context(servers.postgres()))
            address = there.netloc.replace("@", ":SECRET@", 1)
            url, cause = f"postgres://{address}/elsewhere", '"elsewhere" does not exist'
        log = stack.enter_context((tmp_path / "log").open("w"))
        port = servers.free_port()
        command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}"]
        env = servers.site_environment(tmp_path / "var", DATABASE_URL=url)
        process = servers.started(command, cwd=servers.ROOT, env=env, stderr=log)
        stack.enter_context(process)

        def lines() -> list[str]:
            text = (tmp_path / "log").read_text()
            return [line for line in text.splitlines() if cause in line]

        servers.wait_until(lines, what="the warning")
        [line] = lines()
        assert "warning" in line
        assert "Check that it is running, that DATABASE_URL is correct" in line
        address = f"http://127.0.0.1:{port}"
        servers.wait_until(
            lambda: httpx.get(f"{address}/healthz", timeout=9).is_success, what="gunicorn"
        )
        assert httpx.get(f"{address}/readyz", timeout=9).json()["failing"][0] == "database"
        assert "Not ready: The database reported an error" in lines()[1]
        text = (tmp_path / "log").read_text()
        assert "SECRET" not in text
        assert "Traceback" not in text


def test_a_secret_may_be_in_a_file_of_its_own(tmp_path):
    key = tmp_path / "key"
    key.write_text("a key of fifty characters, or of more than fifty of them\n")
    key.chmod(0o600)
    shown = "from readerstudy import settings; print(settings.SECRET_KEY)"
    ended = started(["-c", shown], tmp_path / "var", SECRET_KEY_FILE=str(key))
    assert ended.stdout == key.read_text()
    assert not (tmp_path / "var" / "secret_key").exists()
