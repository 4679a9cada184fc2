import pytest
from django.core.cache import caches


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    """Each test has its own stored images."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture(autouse=True)
def audit_head(settings, tmp_path):
    """Each test has a log of its own, and so a note of its last event."""
    settings.AUDIT_HEAD = tmp_path / "audit_head"
    return settings.AUDIT_HEAD


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What one test's studies were is not what another's are: they may have the same keys."""
    caches["frozen"].clear()


@pytest.fixture(autouse=True)
def no_child_worker(monkeypatch):
    """Jobs are queued; a test that is about running them runs them itself."""
    monkeypatch.setattr("readerstudy.cohorts.imports.dispatch.start_child", lambda: None)
    monkeypatch.setattr("inference.dispatch.start_child", lambda: None)
    monkeypatch.setattr("analysis.dispatch.start_child", lambda run: None)
