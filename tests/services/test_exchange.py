"""A study goes from a site on SQLite to an empty one on PostgreSQL, and the other way round.

Each site has its own processes, database and files. Figures and report are drawn and compared in
``e2e/test_whole_study.py``.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT
from tests.services.site import Site
from tests.services.templates import new_database

pytestmark = pytest.mark.services


def within(site: Site, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.services.exchanged_study", *arguments],
        cwd=ROOT, env=site.env, check=True,
    )  # fmt: skip


def told(site: Site, work: str, folder: Path):
    target = folder / f"{work}.json"
    within(site, work, str(target))
    return json.loads(target.read_text())


BACK = pytest.param(
    "postgresql", marks=pytest.mark.rest("make test goes from SQLite to PostgreSQL")
)


@pytest.mark.slow("two sites, each with several processes, and an analysis on each")
@pytest.mark.parametrize("origin_vendor", ["sqlite", BACK])
def test_the_other_database_gives_the_same_bytes(origin_vendor, postgres_server, tmp_path):
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
    url = new_database(postgres_server, f"handover_{origin_vendor}")
    sites = [Site(folders[0]), Site(folders[1], {"DATABASE_URL": url})]
    here, there = sites if origin_vendor == "sqlite" else sites[::-1]

    within(here, "build")
    bundle = tmp_path / "bundle.zip"
    here.manage("export_study", "study", str(bundle), "--with-names")
    there.manage("migrate", "-v0")
    done = there.manage("import_study", str(bundle), capture_output=True, text=True)
    assert "differs" not in done.stdout
    assert "equal the bundle's byte for byte" in done.stdout

    was, now = (told(site, "undrawn", site.folder) for site in (here, there))
    assert len(was) > 60
    assert now == was
    first, again = told(there, "analyse", there.folder)
    assert again == first
