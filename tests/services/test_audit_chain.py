"""Many writers at once never fork the chain, and leave no gap where one is rolled back."""

import sqlite3
import sys
from contextlib import closing
from subprocess import PIPE, Popen

import psycopg2
import pytest

from tests import servers
from tests.services.site import Site
from tests.services.templates import new_database

pytestmark = [pytest.mark.services, pytest.mark.slow("many processes write at once")]
PROCESSES, THREADS, EVENTS = 2, 4, 40
OLD = (
    "INSERT INTO audit_auditevent (id, at, actor, action, outcome, study, target, detail) "
    "VALUES ({0}, '2026-01-{0:02} 10:00:00+00', 'user {0}', 'test', 'done', '', '', "
    """'{{"b": 1e16, "a": [0.5]}}')"""
)


@pytest.fixture(params=["postgresql", "sqlite"])
def site(request, tmp_path):
    """A site on each database, with nothing in it."""
    if request.param == "sqlite":
        return Site(tmp_path)
    name = request.node.originalname
    url = new_database(request.getfixturevalue("postgres_server"), name)
    return Site(tmp_path, {"DATABASE_URL": url})


def _connect(url: str):
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    return psycopg2.connect(url)


def test_writers_at_once(site):
    env = site.env
    servers.manage("migrate", "--verbosity", "0", env=env)
    command = [sys.executable, "-m", "tests.services.many_events", str(THREADS), str(EVENTS)]
    running = [Popen(command, cwd=servers.ROOT, env=env, stderr=PIPE, text=True)
               for _ in range(PROCESSES)]  # fmt: skip
    for process in running:
        _out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    verified = servers.manage("verify_audit", "--no-record", env=env, stdout=PIPE, text=True)
    # A quarter of all are rolled back.
    kept = PROCESSES * THREADS * EVENTS * 3 // 4
    assert f"Checked: {kept} events" in verified.stdout
    assert "No tampering was found in what was checked." in verified.stdout


def test_events_from_before_the_chain_are_chained(site):
    servers.manage("migrate", "audit", "0001", "--verbosity", "0", env=site.env)
    with closing(_connect(site.env["DATABASE_URL"])) as connection:
        for number in (2, 3, 7, 30):  # what was rolled back left gaps
            connection.cursor().execute(OLD.format(number))
        connection.commit()
    servers.manage("migrate", "--verbosity", "0", env=site.env)
    rows = "SELECT number, actor FROM audit_auditevent ORDER BY number"
    assert site.rows(rows) == [(1, "user 2"), (2, "user 3"), (3, "user 7"), (4, "user 30")]
    for events in (4, 5):  # the first verification is the fifth event
        verified = servers.manage("verify_audit", env=site.env, stdout=PIPE, text=True)
        assert f"Checked: {events} events" in verified.stdout
