"""docker/setup makes what a site needs, once, for its owner alone; a site takes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers
from tests.docker.compose_file import FOLDER, ROOT

HOST = "study.example.org"
OF_THE_SITE = ("secret_key", "audit_keys", "database_url", "broker_url")


@pytest.fixture
def folder(tmp_path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "docker", ignore=shutil.ignore_patterns("secrets", "tls"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path / "docker"


def set_up(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [folder / "setup", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file()}  # fmt: skip


def test_it_says_what_to_do_next(folder):
    said = set_up(folder, HOST)
    assert said.returncode == 0, said.stderr
    assert "Next:" in said.stdout
    assert f"https://{HOST}" in said.stdout


def test_nothing_that_is_there_is_touched(folder):
    set_up(folder, HOST)
    before = contents(folder)
    said = set_up(folder, "other.example.org")
    assert said.returncode == 0
    assert "stays as it is" in said.stdout
    assert contents(folder) == before


def test_a_lost_address_is_made_again_with_the_same_password(folder):
    set_up(folder, HOST)
    secrets = folder / "secrets"
    before = (secrets / "database_url").read_text(), (secrets / "broker_url").read_text()
    (secrets / "database_url").unlink()
    (secrets / "broker_url").unlink()
    set_up(folder, HOST)
    assert before == ((secrets / "database_url").read_text(), (secrets / "broker_url").read_text())


@pytest.mark.parametrize("host", ["", "https://study.example.org", "study.example.org:8443", "a b"])
def test_what_is_no_host_name_is_refused(folder, host):
    said = set_up(folder, host)
    assert said.returncode == 2
    assert "Say under which name" in said.stderr
    assert not (folder / "secrets").exists()


def test_files_are_for_their_owner_alone_and_differ_between_sites(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other" / "docker")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "other")
    set_up(folder, HOST)
    set_up(tmp_path / "other" / "docker", HOST)
    assert (folder / "secrets").stat().st_mode & 0o77 == 0
    for name in (".env", "site.env", *(f"secrets/{name}" for name in OF_THE_SITE)):
        assert (folder / name).stat().st_mode & 0o77 == 0, name
    for name in OF_THE_SITE:
        path = Path("secrets", name)
        assert (folder / path).read_text() != (tmp_path / "other/docker" / path).read_text()
        assert len((folder / path).read_text()) >= 64


def test_the_settings_take_it_and_a_deployment_check_finds_nothing(folder, tmp_path):
    set_up(folder, HOST)
    secrets = folder / "secrets"
    if os.geteuid() == 0:
        for name in OF_THE_SITE:
            os.chown(secrets / name, 0, 0)  # the site's user in a container; here it is the test's
    env = {"PATH": os.environ["PATH"]} | {
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "ALLOWED_HOSTS": HOST,
        "READERSTUDY_SITE_URL": f"https://{HOST}",
        "READERSTUDY_BEHIND_PROXY": "1",
        "READERSTUDY_VAR": str(tmp_path / "var"),
        "SECRET_KEY_FILE": str(secrets / "secret_key"),
        "READERSTUDY_AUDIT_KEYS_FILE": str(secrets / "audit_keys"),
        "DATABASE_URL_FILE": str(secrets / "database_url"),
        "CELERY_BROKER_URL_FILE": str(secrets / "broker_url"),
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=servers.ROOT, env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
