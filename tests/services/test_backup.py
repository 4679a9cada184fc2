"""A backup that is taken while readers read, restored on another site, on both databases."""

import hashlib
import io
import json
import re
import shutil
import tarfile
from pathlib import Path
from threading import Event, Thread

import pytest

from readerstudy.diagnosis import Etiology
from tests import servers
from tests.services.site import Client, Site, Sketch
from tests.services.templates import new_database

pytestmark = [pytest.mark.services, pytest.mark.slow("sites are built from nothing, and restored")]
CASES = 60
BEFORE = 5


ON_SQLITE = pytest.param("sqlite", marks=pytest.mark.rest("make test backs PostgreSQL up"))


@pytest.fixture(scope="module", params=[ON_SQLITE, "postgresql"])
def make(request, tmp_path_factory):
    """Makes empty sites on one of the databases."""
    numbers = iter(range(100))

    def made() -> Site:
        number = next(numbers)
        folder = tmp_path_factory.mktemp(f"{request.param}-{number}")
        if request.param == "sqlite":
            return Site(folder)
        server = request.getfixturevalue("postgres_server")
        return Site(folder, {"DATABASE_URL": new_database(server, f"backup_{number}")})

    return made


class Reading(Thread):
    """Somebody who reads on until told to stop; ``keys`` are those acknowledged."""

    def __init__(self, client: Client):
        super().__init__(daemon=True)
        self.client, self.keys, self.enough = client, [], Event()

    def read_one(self) -> None:
        code = self.client.case("alpha")["case"]["code"]
        answer = self.client.submit("alpha", code=code, etiology=Etiology.LYMPHOMA)
        assert answer.status_code == 201
        self.keys.append(answer.json()["key"].replace("-", ""))

    def run(self) -> None:
        while not self.enough.is_set() and len(self.keys) < CASES:
            self.read_one()


@pytest.fixture(scope="module")
def backed_up(make, tmp_path_factory):
    """A site, its backup, the readings acknowledged before it began and those when it ended."""
    site = make()
    site.build(Sketch("alpha", cases=CASES), own_key=True)
    target = tmp_path_factory.mktemp("backup") / "site.tar"
    with servers.gunicorn(site.env) as address:
        reading = Reading(Client(address, "anna"))
        for _ in range(BEFORE):
            reading.read_one()
        before = list(reading.keys)
        reading.start()
        site.manage("backup", str(target))
        during = len(reading.keys)
        reading.enough.set()
        reading.join()
    assert during > len(before), "nobody read while the backup was made: it tests nothing"
    return site, target, before, during


def keys(site: Site) -> set[str]:
    found = site.rows("SELECT idempotency_key FROM reading_reading")
    return {str(key).replace("-", "") for (key,) in found}


def refused(site: Site, *arguments: str) -> str:
    done = site.manage(*arguments, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr


def test_restored_elsewhere_the_site_is_whole(backed_up, make):
    _site, backup, before, _during = backed_up
    other = make()
    done = other.manage("restore", str(backup), capture_output=True, text=True)
    assert "is restored" in done.stdout
    assert set(before) <= keys(other)
    readings = other.value("SELECT count(*) FROM reading_reading")
    assert BEFORE <= readings <= CASES
    events = "SELECT count(*) FROM audit_auditevent WHERE action = 'reading.submit'"
    assert other.value(events) == readings
    images = other.rows("SELECT file, sha256 FROM cohorts_image")
    assert len(images) == 2 * CASES
    for name, sha256 in images:
        content = (other.folder / "media" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256
    with pytest.raises(Exception, match="these rows are fixed"):
        other.rows("UPDATE reading_reading SET etiology = etiology")
    with servers.gunicorn(other.env) as address:  # and reading goes on where it was
        Reading(Client(address, "anna")).read_one()
    assert other.value("SELECT count(*) FROM reading_reading") == readings + 1


def test_what_is_here_is_named_before_it_is_replaced(backed_up, make):
    site, backup, _before, _during = backed_up
    other = make()
    other.build(Sketch("other", cases=2), own_key=True)
    images = list((other.folder / "media" / "images").iterdir())
    said = refused(other, "restore", str(backup))
    assert "Nothing was changed" in said
    assert "1 studies" in said
    assert "--replace" in said
    assert other.value("SELECT slug FROM cohorts_study") == "other"
    other.manage("restore", str(backup), "--replace")
    # The log is whole, and its end is not taken for cut off: sealed by one site, then the other.
    sealed_by = ",".join((each.folder / "audit_key").read_text() for each in (other, site))
    servers.manage("verify_audit", env=other.env | {"READERSTUDY_AUDIT_KEYS": sealed_by})
    assert other.value("SELECT slug FROM cohorts_study") == "alpha"
    assert not any(image.exists() for image in images)


def test_the_backup_is_for_its_owner_alone_and_has_no_secret_key(backed_up, tmp_path):
    site, backup, _before, _during = backed_up
    assert backup.stat().st_mode & 0o777 == 0o600
    with tarfile.open(backup) as archive:
        assert "secret_key" not in archive.getnames()
        assert all(member.mode == 0o600 for member in archive)
    target = tmp_path / "key.tar"
    site.manage("backup", str(target), "--with-secret-key")
    with tarfile.open(target) as archive:
        key = archive.extractfile("secret_key").read().decode()
        seals = archive.extractfile("audit_keys").read().decode()
    assert key == (site.folder / "secret_key").read_text()
    assert seals == (site.folder / "audit_key").read_text()


def test_a_backup_is_checked_and_nothing_is_changed(backed_up, make):
    _site, backup, _before, _during = backed_up
    other = make()
    other.manage("migrate", "-v0")
    done = other.manage("restore", str(backup), "--verify", capture_output=True, text=True)
    assert "is sound" in done.stdout
    assert other.value("SELECT count(*) FROM cohorts_study") == 0


def repacked(backup: Path, target: Path, change) -> Path:
    """The backup with its files changed by ``change(name, content)``; None leaves one out."""
    with tarfile.open(backup) as old, tarfile.open(target, "w") as new:
        for member in old:
            content = change(member.name, old.extractfile(member).read())
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    return target


def _manifest(**changes):
    def change(name: str, content: bytes) -> bytes:
        if name != "manifest.json":
            return content
        manifest = json.loads(content)
        for key, changed in changes.items():
            manifest[key] = changed(manifest[key])
        return json.dumps(manifest).encode()

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n, c: c[:-1] + b"x" if n.startswith("media/") else c, r"12\d files do not match"),
        (lambda n, c: None if n.startswith("media/images/0") else c, "do not match manifest.json"),
        (lambda n, c: None if n == "manifest.json" else c, "has no manifest.json"),
        (lambda n, c: c[: len(c) // 2] if n == "manifest.json" else c, "lacks everything"),
        (_manifest(format=lambda _old: 99), "has format 99"),
        (_manifest(engine=lambda _old: "oracle"), "a site on oracle.*export_study"),
        (_manifest(migrations=lambda old: [*old, "reading.9999_x"]), "later version.*Install that"),
        (_manifest(migrations=lambda old: old[:-1]), "earlier version.*manage.py migrate"),
    ],
)  # fmt: skip
def test_a_backup_that_does_not_fit_changes_nothing(change, said, backed_up, fresh, tmp_path):
    _site, backup, _before, _during = backed_up
    bad = repacked(backup, tmp_path / "bad.tar", change)
    assert re.search(said, " ".join(refused(fresh, "restore", str(bad)).split()))
    assert fresh.value("SELECT count(*) FROM cohorts_study") == 0
    assert list((fresh.folder / "media").rglob("*")) == []


@pytest.fixture(scope="module")
def fresh(make) -> Site:
    site = make()
    site.manage("migrate", "-v0")
    (site.folder / "media").mkdir(exist_ok=True)
    return site


def test_a_lost_image_is_told_and_backed_up_without_by_wish_alone(backed_up, make, tmp_path):
    site, _backup, _before, _during = backed_up
    image = site.image("alpha", "hidden-0")
    kept = tmp_path / "kept"
    shutil.move(image, kept)
    try:
        said = refused(site, "backup", str(tmp_path / "x.tar"))
        assert image.name in said
        assert "--without-lost" in said
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]
        done = site.manage("backup", str(tmp_path / "x.tar"), "--without-lost",
                           capture_output=True, text=True)  # fmt: skip
        assert f"Lost and not in the backup: images/{image.name}" in done.stderr
    finally:
        shutil.move(kept, image)
    other = make()
    other.manage("restore", str(tmp_path / "x.tar"))
    assert other.value("SELECT slug FROM cohorts_study") == "alpha"


def test_client_tools_that_are_missing_are_told(backed_up, tmp_path):
    site, _backup, _before, _during = backed_up
    if site.env["DATABASE_URL"].startswith("sqlite"):
        return  # which needs none
    env = site.env | {"PATH": str(tmp_path)}
    done = servers.manage("backup", str(tmp_path / "x.tar"), env=env, check=False,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1
    assert "pg_dump is not installed here" in done.stderr
    assert "postgresql-client" in done.stderr
    assert list(tmp_path.iterdir()) == []
