"""What a site has is its own user's alone; a secret that was open to others stops the start."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from readerstudy.operations import file_permissions

KEYS = ("secret_key", "audit_key")
CODE = Path("/nowhere/code")


@pytest.fixture
def folder(tmp_path):
    """A site's folder as an earlier version left it under umask 022."""
    top = tmp_path / "var"
    for name in ("media/images/a.png", "mail/1.log", "db.sqlite3", "db.sqlite3-wal", "program"):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(0o755 if name == "program" else 0o644)
    for path in (top, *filter(Path.is_dir, top.rglob("*"))):
        path.chmod(0o755)
    return top


def modes(top: Path) -> set[str]:
    return {oct(path.stat().st_mode & 0o777) for path in (top, *top.rglob("*"))}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def start(top: Path) -> None:
    file_permissions.private_folder(top, keys=KEYS, code=CODE)


def test_a_start_closes_what_an_earlier_version_left_open(folder):
    start(folder)
    assert modes(folder) == {"0o700", "0o600"}
    assert mode(folder / "program") == 0o700  # what the owner may do with it stays


def test_no_link_is_followed_and_nothing_beside_is_touched(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "file").write_text("x")
    for path, bits in ((outside, 0o755), (outside / "file", 0o644)):
        path.chmod(bits)
    (folder / "media" / "folder").symlink_to(outside)
    (folder / "link").symlink_to(outside / "file")
    (folder / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe", 0o666)
    start(folder)
    assert (mode(outside), mode(outside / "file")) == (0o755, 0o644)
    assert mode(folder / "media") == 0o700


def test_what_is_somebody_elses_is_left(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    start(folder)
    assert mode(folder / "db.sqlite3") == 0o644


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_others_could_read_stops_the_start_and_stays_as_it_is(folder, key):
    (folder / key).write_text("x")
    (folder / key).chmod(0o640)
    with pytest.raises(ImproperlyConfigured, match=f"chmod 600 {folder / key}"):
        start(folder)
    assert mode(folder / key) == 0o640
    assert mode(folder / "db.sqlite3") == 0o644  # nothing was done at all


def test_a_key_that_belongs_to_somebody_else_stops_the_start(folder, monkeypatch):
    (folder / "secret_key").write_text("x")
    (folder / "secret_key").chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: 123_456)
    with pytest.raises(ImproperlyConfigured, match=r"chown 123456 .*secret_key"):
        start(folder)


def test_a_folder_that_is_not_the_sites_alone_is_refused_and_left(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    checkout = tmp_path / "checkout"
    (checkout / "site").mkdir(parents=True)
    checkout.chmod(0o755)
    for folder, code in ((shared, CODE), (checkout, checkout / "site"), (checkout, checkout)):
        with pytest.raises(ImproperlyConfigured, match="files that do not belong to the site"):
            file_permissions.private_folder(folder, keys=KEYS, code=code)
    assert (shared.stat().st_mode & 0o7777, mode(checkout)) == (0o1777, 0o755)


def test_a_folder_that_cannot_be_written_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match=r"READERSTUDY_VAR: .*Not a directory"):
        start(tmp_path / "file" / "var")


@pytest.mark.parametrize(
    "line",
    [
        "SECRET_KEY=abc",
        "READERSTUDY_AUDIT_KEYS=abc",
        "EMAIL_HOST_PASSWORD=abc",
        "DATABASE_URL=postgres://site:abc@host/name",
        "CELERY_BROKER_URL=redis://:abc@host:6379/0",
    ],
)
def test_an_env_file_with_a_secret_must_be_the_sites_alone(line, tmp_path):
    env = tmp_path / ".env"
    env.write_text(f"LOG_LEVEL=INFO\n{line}\n")
    env.chmod(0o644)
    with pytest.raises(ImproperlyConfigured, match=f"chmod 600 {env}"):
        file_permissions.require_private_env(env)
    env.chmod(0o600)
    file_permissions.require_private_env(env)


def test_an_env_file_without_a_secret_may_be_read_by_all(tmp_path):
    env = tmp_path / ".env"
    env.write_text("LOG_LEVEL=INFO\nDATABASE_URL=postgres://host/name\nSECRET_KEY=\n")
    env.chmod(0o644)
    file_permissions.require_private_env(env)
    file_permissions.require_private_env(tmp_path / "none")


@pytest.mark.parametrize("name", file_permissions.SECRETS)
def test_a_secret_in_a_file_of_its_own_must_be_the_sites_alone(name, tmp_path, monkeypatch):
    file = tmp_path / "secret"
    monkeypatch.setenv(f"{name}_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match=f"{name}_FILE: .* can't be read: No such file"):
        file_permissions.require_private_files()
    file.write_text("x\n")
    file.chmod(0o644)
    with pytest.raises(ImproperlyConfigured, match=f"{name}_FILE: .*chmod 600"):
        file_permissions.require_private_files()
    file.chmod(0o600)
    file_permissions.require_private_files()
