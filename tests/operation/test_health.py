"""A monitor learns whether the site can work, and by name what keeps it from that."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from readerstudy.operation import health
from tests.servers import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    monkeypatch.setattr(health, "_migrated", set())


def ready(client) -> tuple[int, dict]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def failing(*names: str) -> tuple[int, dict]:
    return 503, {"ready": False, "failing": list(names)}


def test_all_is_well(client, django_assert_max_num_queries):
    assert client.get("/healthz").content == b"ok\n"
    assert ready(client) == (200, {"ready": True, "failing": []})
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


def test_over_plain_http_it_is_not_redirected(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/readyz").status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.get("/accounts/sign-in/").status_code == 301
