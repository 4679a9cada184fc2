"""The units for systemd are sound by systemd itself, and say what the documentation says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from readerstudy.jobs.broker import QUEUES
from tests.docker.compose_file import FOLDER, ROOT

UNITS = sorted((FOLDER / "debian").glob("readerstudy-*"))
INSTALL = (ROOT / "docs" / "install.md").read_text()


def instances() -> list[str]:
    """Each as it is started; of a template the instance that the documentation names."""
    names = {"readerstudy-worker@.service": "readerstudy-worker@inference.service",
             "readerstudy-gpu@.service": "readerstudy-gpu@0.service"}  # fmt: skip
    return [names.get(path.name, path.name) for path in UNITS]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The units with programs and a user that this machine has."""
    folder = tmp_path_factory.mktemp("units")
    for path in UNITS:
        text = path.read_text()
        text = re.sub(r"/opt/readerstudy/\.venv/bin/\w+", "/usr/bin/env", text)
        text = text.replace("=readerstudy\n", "=daemon\n")
        (folder / path.name).write_text(text.replace("=/opt/readerstudy", "=/"))
    return folder


@pytest.mark.parametrize("name", instances())
def test_systemd_finds_nothing_wrong(name, installed):
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: apt-get install systemd"
    done = subprocess.run(
        [program, "verify", "--man=no", "--recursive-errors=no", installed / name],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    about = [line for line in done.stderr.splitlines() if "readerstudy" in line]
    assert about == []


@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=str)
def test_a_service_runs_with_few_rights(path):
    text = path.read_text()
    for line in ("User=readerstudy", "NoNewPrivileges=yes", "ProtectSystem=strict",
                 "ReadWritePaths=/var/lib/readerstudy", "PrivateTmp=yes"):  # fmt: skip
        assert line in text


@pytest.mark.parametrize("name", ["readerstudy-worker@.service", "readerstudy-gpu@.service"])
def test_a_worker_of_the_model_is_given_time_for_its_batch(name):
    text = (FOLDER / "debian" / name).read_text()
    minutes = int(re.search(r"^TimeoutStopSec=(\d+)min$", text, re.MULTILINE)[1])
    assert 60 * minutes > settings.INFERENCE_DEADLINE_SECONDS


def test_the_documentation_starts_every_queue_and_every_unit():
    for queue in QUEUES:
        assert f"readerstudy-worker@{queue}" in INSTALL
    for path in UNITS:
        stem = path.name.split(".")[0].rstrip("@")
        assert stem in INSTALL or stem == "readerstudy-backup"
    assert "readerstudy-backup.timer" in INSTALL
