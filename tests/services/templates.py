"""A database that is migrated and has the model in it, built once a run and copied to sites.

It is built by the product's own migrations and commands. Its copies share the key that seals the
audit log; a test about that key has its sites built from nothing (``Site.build(own_key=True)``).
"""

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2

from tests import once
from tests.servers import ROOT, manage, site_environment

SQLITE, POSTGRES = "db.sqlite3", "template_ready"
FILES = ("audit_head", "audit_key")


def run_build(env: dict[str, str], sketch: dict) -> None:
    """Run ``tests.services.build`` in a site."""
    subprocess.run(
        [sys.executable, "-m", "tests.services.build"],
        cwd=ROOT, env=env, check=True, input=json.dumps(sketch), text=True,
    )  # fmt: skip


def copy_to(folder: Path, url: str) -> bool:
    """Give a site a copy; False where it has tables already, or a server of its own."""
    if url.startswith("sqlite"):
        return _copy_sqlite(folder)
    server = once.server("postgres", "postgres")
    if url.rsplit("/", 1)[0] != server.rsplit("/", 1)[0]:
        return False
    return _copy_postgres(folder, url, server)


def migrated_sqlite() -> Path:
    """A database file with all tables and nothing in them."""
    folder = once.built("migrated", lambda to: manage("migrate", "-v0", env=site_environment(to)))
    return folder / SQLITE


def _build(folder: Path, *, migrated: bool = False, **more: str) -> None:
    nothing_more = {"migrated": migrated, "admins": [], "studies": []}
    run_build(site_environment(folder, **more), nothing_more)


def _build_sqlite(folder: Path) -> None:
    shutil.copy(migrated_sqlite(), folder / SQLITE)
    _build(folder, migrated=True)


def _copy_sqlite(folder: Path) -> bool:
    if (folder / SQLITE).exists():
        return False
    template = once.built("template-sqlite", _build_sqlite)
    shutil.copy(template / SQLITE, folder / SQLITE)
    _copy_files(template, folder)
    return True


def _copy_postgres(folder: Path, url: str, server: str) -> bool:
    [(tables,)] = _execute(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    if tables:
        return False
    template = once.built(
        "template-postgres",
        lambda folder: _build(folder, DATABASE_URL=new_database(server, POSTGRES)),
    )
    name = url.rsplit("/", 1)[1]
    _execute(server, f'DROP DATABASE "{name}"')
    new_database(server, name, template=POSTGRES)
    _copy_files(template, folder)
    return True


def _copy_files(template: Path, folder: Path) -> None:
    for name in FILES:
        shutil.copy(template / name, folder / name)
    shutil.copytree(template / "media", folder / "media", dirs_exist_ok=True)


def new_database(server: str, name: str, *, template: str = "template1") -> str:
    """Make a database on a PostgreSQL server; its DATABASE_URL."""
    _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return f"{server.rsplit('/', 1)[0]}/{name}"


def _execute(url: str, statement: str) -> list[tuple]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True  # CREATE DATABASE refuses to run in a transaction
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
