"""A site that was made by the version of November 2026 comes over whole, on either database."""

import json
import subprocess
import sys
import zipfile

import pytest

from tests import once, servers
from tests.goldens.kept import KEPT, differences, read
from tests.services.site import Site
from tests.services.templates import new_database

pytestmark = pytest.mark.services
DUMP = "database.sql"  # of PostgreSQL, beside the site's files


def _restored(dump: str) -> str:
    """A PostgreSQL database with this in it; its URL."""
    name = f"before_{once.number('database')}"
    url = new_database(once.server("postgres", "postgres"), name)
    command = [servers.postgres_bin() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url]
    subprocess.run(command, input=dump, text=True, check=True, stdout=subprocess.DEVNULL)
    return url


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_it_migrates_verifies_and_holds_what_it_held(database, tmp_path):
    with zipfile.ZipFile(KEPT / f"site-{database}.zip") as archive:
        archive.extractall(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    dump = tmp_path / DUMP
    site = Site(tmp_path, {"DATABASE_URL": _restored(dump.read_text())} if dump.exists() else {})
    site.manage("migrate", "-v0")
    verified = site.manage("verify_audit", capture_output=True, text=True)
    assert "No tampering was found" in verified.stdout
    target = tmp_path / "found.json"
    subprocess.run(
        [sys.executable, "-m", "tests.goldens.site_before", "tell", target],
        cwd=servers.ROOT, env=site.env, check=True,
    )  # fmt: skip
    kept, found = read(f"held-{database}.json"), json.loads(target.read_text())
    assert found["events"][: len(kept["events"])] == kept["events"]  # a migration may add its own
    assert list(differences(kept | {"events": []}, found | {"events": []})) == []
