"""A monitor learns whether the site can work, and by name what keeps it from that."""

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from readerstudy.code_version import code_version
from readerstudy.operations import health
from tests.servers import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    monkeypatch.setattr(health, "_migrated", set())


def ready(client) -> tuple[int, dict]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def failing(*names: str) -> tuple[int, dict]:
    return 503, {"ready": False, "failing": list(names), "version": code_version()}


def test_all_is_well(client, django_assert_max_num_queries):
    assert client.get("/healthz").content == b"ok\n"
    assert ready(client) == (200, {"ready": True, "failing": [], "version": code_version()})
    with django_assert_max_num_queries(1):
        assert ready(client)[0] == 200


def test_a_migration_that_is_not_applied(client):
    [last] = MigrationLoader(connection).graph.leaf_nodes("reading")
    MigrationRecorder(connection).record_unapplied(*last)
    assert ready(client) == failing("migrations")


def test_media_that_can_not_be_written(client, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "file" / "media"
    (tmp_path / "file").write_text("in the way")
    assert ready(client) == failing("media")


def test_a_broker_that_is_away(client, settings):
    settings.CELERY_BROKER_URL = f"redis://:secret@127.0.0.1:{free_port()}/0"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == failing("broker")
    assert "secret" not in answer.content.decode()


def test_a_database_that_is_away(client, monkeypatch):
    def away():
        raise ConnectionError("password=secret")

    monkeypatch.setitem(health.CHECKS, "database", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == failing("database")
    assert "secret" not in answer.content.decode()


def test_the_log_says_in_one_line_why(client, settings, monkeypatch, tmp_path, caplog):
    def away():
        raise OperationalError("connection refused\n\tIs the server running?\n")

    settings.CELERY_BROKER_URL = f"redis://:secret@127.0.0.1:{free_port()}/0"
    settings.MEDIA_ROOT = tmp_path / "file" / "media"
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setitem(health.CHECKS, "database", away)
    [last] = MigrationLoader(connection).graph.leaf_nodes("reading")
    MigrationRecorder(connection).record_unapplied(*last)
    assert ready(client) == failing("database", "migrations", "media", "broker")
    said = {line.check: line.message for line in caplog.records if hasattr(line, "check")}
    assert "connection refused Is the server running?. Check that it is running" in said["database"]
    assert "Run: manage.py migrate" in said["migrations"]
    assert str(tmp_path / "file") in said["media"]
    assert "Connection refused" in said["broker"]
    assert "Check that it is running and that its address is correct" in said["broker"]
    assert "secret" not in caplog.text
    assert not [line for line in caplog.records if line.exc_info or "\n" in line.message]


def test_over_plain_http_it_is_not_redirected(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/readyz").status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.get("/accounts/sign-in/").status_code == 301


@pytest.mark.parametrize("host", ["10.1.2.3", "10.1.2.3:8000", "probe.internal", "", None])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_monitor_need_not_know_the_sites_name(client, settings, path, host):
    settings.ALLOWED_HOSTS = ["reading.example.org"]
    asked = {} if host is None else {"HTTP_HOST": host}
    answer = client.get(path, SERVER_NAME="10.1.2.3", **asked)
    assert answer.status_code == 200
    assert answer.content.startswith((b"ok\n", b'{"ready": true, "failing": []'))


@pytest.mark.parametrize("path", ["/", "/accounts/sign-in/", "/healthz/", "/admin/"])
def test_all_else_wants_the_sites_name(client, settings, path):
    settings.ALLOWED_HOSTS = ["reading.example.org"]
    assert client.get(path, HTTP_HOST="10.1.2.3").status_code == 400
