"""The compose file is sound by the specification's schema and by the settings: every variable in it
exists, every one that a site needs is set, and no service runs with more rights than it uses."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from readerstudy.jobs.broker import QUEUES
from readerstudy.operations.file_permissions import SECRETS
from tests.docker.compose_file import (
    FOLDER,
    PATH,
    compose,
    interpolated,
    services,
    settings_variables,
)

OF_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES", "KEEP_DAYS"}  # CUDA's own, and the loop's of the backups
NEEDED = {
    "ALLOWED_HOSTS",
    "CELERY_BROKER_URL",
    "DATABASE_URL",
    "READERSTUDY_AUDIT_KEYS",
    "READERSTUDY_BEHIND_PROXY",
    "READERSTUDY_SITE_URL",
    "READERSTUDY_VAR",
    "SECRET_KEY",
}
UNITS = {"s": 1, "m": 60}
OURS = sorted(services())


def seconds(duration: str) -> int:
    return int(duration[:-1]) * UNITS[duration[-1]]


def test_it_is_valid_by_the_specification():
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema"]
    done = subprocess.run(
        [*command, "vendor.compose-spec", PATH], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", OURS)
def test_every_variable_exists_and_none_that_is_needed_is_missing(name):
    names = {key.removesuffix("_FILE") for key in services()[name]["environment"]}
    names = {key if key in settings_variables() else f"{key}_FILE" for key in names} - {
        f"{key}_FILE" for key in OF_ENVIRONMENT
    }
    assert names <= settings_variables()
    assert names >= NEEDED


@pytest.mark.parametrize("name", OURS)
def test_a_secret_is_in_a_file_that_the_service_has(name):
    service = services()[name]
    for key, value in service["environment"].items():
        if key.removesuffix("_FILE") in SECRETS:
            assert value.removeprefix("/run/secrets/") in service["secrets"]
            assert key.endswith("_FILE")


def test_secrets_lie_where_setup_makes_them():
    made = set(re.findall(r"keep secrets/(\w+)", (FOLDER / "setup").read_text()))
    assert {each["file"] for each in compose()["secrets"].values()} == {
        f"./secrets/{name}" for name in made
    }
    used = {name for each in services(of_ours=False).values() for name in each.get("secrets", ())}
    assert used == set(compose()["secrets"]) == made


def test_what_has_no_value_by_default_is_written_by_setup():
    written = set(re.findall(r"^([A-Z_]+)=", (FOLDER / "setup").read_text(), re.MULTILINE))
    assert {name for name, has_default in interpolated().items() if not has_default} <= written
    assert written - set(interpolated()) == set()


@pytest.mark.parametrize("name", OURS)
def test_it_runs_with_few_rights(name):
    service = services()[name]
    assert service["user"].startswith("${SITE_UID")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert "ports" not in service  # the proxy alone is reached from outside


@pytest.mark.parametrize("name", sorted(set(services(of_ours=False)) - {"migrate"}))
def test_it_comes_up_again_and_is_bounded(name):
    service = services(of_ours=False)[name]
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"]["memory"]


def test_a_worker_of_the_model_is_given_time_for_its_batch():
    for name in ("worker-inference", "worker-gpu"):
        grace = seconds(services()[name]["stop_grace_period"])
        assert grace > settings.INFERENCE_DEADLINE_SECONDS


def test_each_queue_has_a_worker_without_a_gpu():
    taken = set()
    for service in services().values():
        command = service.get("command", [])
        if "-Q" in command and "profiles" not in service:
            taken |= set(command[command.index("-Q") + 1].split(","))
    assert taken == set(QUEUES)


def test_nothing_starts_before_the_database_is_of_its_version():
    for name, service in services().items():
        waits_for = service["depends_on"]
        if name == "migrate":
            assert waits_for["db"]["condition"] == "service_healthy"
        else:
            assert waits_for["migrate"]["condition"] == "service_completed_successfully"


def test_sources_of_imports_can_only_be_read():
    for service in services().values():
        [imports] = [each for each in service["volumes"] if "/srv/imports" in each] or [":ro"]
        assert imports.endswith(":ro")
