"""The web's image: small, without rights, without what decodes, computes or draws; a case is read
in it."""

import os
import subprocess

import pytest

from readerstudy.diagnosis import Etiology
from tests import once, servers
from tests.docker.images import SITE_UID, VERSION, Store, require_programs
from tests.services.site import SEQUENTIAL, Client, Site, Sketch
from tests.services.templates import new_database

pytestmark = [
    pytest.mark.services,
    pytest.mark.rest("an image is built: minutes"),
    pytest.mark.slow("an image is built from packages, with all that it holds"),
]
MOST_BYTES = 520 * 10**6
HEAVY = ("torch", "monai", "matplotlib", "scipy", "statsmodels", "pandas", "pydicom", "gdcm",
         "simplejpeg")  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    require_programs()
    return Store(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def image(store) -> str:
    store.import_debian("localhost/debian:base")
    return store.build("web", base="localhost/debian:base")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Site:
    """An open study on PostgreSQL, whose files belong to the image's user."""
    url = new_database(once.server("postgres", "postgres"), f"in_image_{once.number('database')}")
    site = Site(tmp_path_factory.mktemp("site"), {"DATABASE_URL": url})
    site.build(Sketch("read", cases=1, readers=("anna",), design=SEQUENTIAL))
    subprocess.run(["chown", "-R", f"{SITE_UID}:{SITE_UID}", site.folder], check=True)
    for folder in site.folder.parents:
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith("pytest"):
            folder.chmod(0o755)
    return site


def environment(site: Site, **more: str) -> dict[str, str]:
    """What a site's own variables are in the container."""
    ours = ("READERSTUDY_", "DATABASE_URL", "ALLOWED_HOSTS")
    kept = {key: value for key, value in site.env.items() if key.startswith(ours)}
    return kept | {"READERSTUDY_VAR": "/var/lib/readerstudy"} | more


def test_it_is_small_and_says_what_it_is(store, image):
    found = store.inspect(image)
    assert found["Size"] <= MOST_BYTES
    assert found["User"] == "readerstudy"
    assert found["Healthcheck"]["Test"][-1] == "web"
    assert found["Labels"]["org.opencontainers.image.revision"] == VERSION


def test_it_has_nothing_that_decodes_computes_or_draws(store, image):
    for name in HEAVY:
        done = store.run(image, "python", "-c", f"import {name}")
        assert f"No module named '{name}'" in done.stderr


def test_it_runs_without_rights_on_a_root_that_cannot_be_written(store, image):
    done = store.run(image, "sh", "-c", "id -u; touch /opt/readerstudy/x; cat /proc/self/status")
    assert done.stdout.startswith(f"{SITE_UID}\n")
    assert "Read-only file system" in done.stderr
    assert "CapEff:\t0000000000000000" in done.stdout


def test_it_holds_no_secret_and_no_data(store, image):
    done = store.run(
        image, "sh", "-c", "ls -A /opt/readerstudy /var/lib/readerstudy; "
        "find / -xdev -name '*.sqlite3' -o -xdev -name '.env' -o -xdev -name '.git' 2>/dev/null"
    )  # fmt: skip
    names = set(done.stdout.split())
    assert not names & {".env", ".git", "var", "tests", "benchmarks", "secret_key", "audit_key"}
    assert "db.sqlite3" not in done.stdout
    assert "manage.py" in names


def test_migrates_signs_in_and_has_a_case_read(store, image, site):
    url = new_database(once.server("postgres", "postgres"), f"empty_{once.number('database')}")
    migrated = store.run(
        image, "python", "manage.py", "migrate", "-v0",
        env=environment(site, DATABASE_URL=url), var=site.folder,
    )  # fmt: skip
    assert migrated.returncode == 0, migrated.stderr
    port = servers.free_port()
    serve = store.command(
        image, "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "2",
        env=environment(site, PORT=str(port)), var=site.folder,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with servers.started(serve) as process, servers.http_client() as monitor:
        servers.wait_until(
            lambda: monitor.get(f"{address}/readyz").status_code == 200,
            what="the site in its container", process=process,
        )  # fmt: skip
        assert monitor.get(f"{address}/readyz").json() == {
            "ready": True, "failing": [], "version": VERSION,
        }  # fmt: skip
        anna = Client(address, "anna")
        page = anna.get("/read/read/")
        assert page.status_code == 200
        image_path = next(part for part in page.text.split('"') if part.endswith("/bus.png"))
        assert anna.get(image_path).content.startswith(b"\x89PNG")
        assert len(anna.read("read", lambda _stage, _age: Etiology.LYMPHOMA)) == 2
    assert [row[-1] for row in site.readings("read")] == [Etiology.LYMPHOMA] * 2
