"""A real site under other umasks: all that its processes write is their user's alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from readerstudy.diagnosis import Etiology
from tests import servers
from tests.services.site import Client, Site, Sketch

pytestmark = pytest.mark.services


USUAL = pytest.param("022", marks=pytest.mark.rest("make test takes the umask that hides nothing"))


@pytest.fixture(params=["000", USUAL])
def site(request, tmp_path):
    """A site whose processes are started under this umask."""
    before = os.umask(int(request.param, 8))
    yield Site(tmp_path / "made" / "site", {"CELERY_BROKER_URL": ""})
    os.umask(before)


def open_to_others(site: Site) -> list[str]:
    return [
        f"{path.relative_to(site.folder)}: {path.lstat().st_mode & 0o777:o}"
        for path in (site.folder, *site.folder.rglob("*"))
        if path.lstat().st_mode & 0o777 != (0o700 if path.is_dir() else 0o600)
    ]


@pytest.mark.slow("a site is built from nothing, with the model run in it")
def test_a_site_under_any_umask_writes_nothing_that_others_can_read(site):
    site.build(Sketch("alpha", cases=2), own_key=True)  # all that is there, it made itself
    with servers.gunicorn(site.env) as address:
        client = Client(address, "anna")
        code = client.case("alpha")["case"]["code"]
        assert client.submit("alpha", code=code, etiology=Etiology.LYMPHOMA).status_code == 201
        site.manage("sendtestemail", "anna@example.org")
        site.manage("export_study", "alpha", f"{site.folder}/bundle.zip")
        site.manage("backup", f"{site.folder}/site.tar")
        site.manage(
            "shell", "-v0", "-c",
            "from analysis import stored_files; from analysis.models import AnalysisRun;"
            "from readerstudy.studies.models import Study;"
            "run = AnalysisRun(study=Study.objects.get(), number=1);"
            "stored_files.write(run, 'figures/flow.svg', b'drawn')",
        )  # fmt: skip
        # While the site runs: the database's own files are there too.
        with beat(site):
            made = {path.name for path in site.folder.rglob("*")}
            assert {"db.sqlite3", "db.sqlite3-wal", "secret_key", "audit_key"} <= made
            assert {"audit_head", "media", "images", "weights", "run_files", "mail"} <= made
            assert {"bundle.zip", "site.tar"} <= made
            assert open_to_others(site) == []


@contextmanager
def beat(site: Site) -> Iterator[None]:
    """Celery's beat, once its schedule is written."""
    command = [sys.executable, "-m", "celery", "-A", "readerstudy", "beat",
               "--schedule", str(site.folder / "schedule"), "--pidfile="]  # fmt: skip
    env = site.env | {"CELERY_BROKER_URL": "memory://"}
    with servers.started(command, cwd=servers.ROOT, env=env, stderr=subprocess.DEVNULL) as process:
        servers.wait_until(
            lambda: any(path.stat().st_size for path in site.folder.glob("schedule*")),
            what="the schedule", process=process,
        )  # fmt: skip
        yield
