import pytest
from django.core.cache import caches
from django.utils import translation

from tests import once
from tests.durations import DurationsPlugin
from tests.worlds import pytest_generate_tests, shared_world

__all__ = ["pytest_generate_tests", "shared_world"]


def pytest_configure(config):
    config.pluginmanager.register(DurationsPlugin(config))
    if not hasattr(config, "workerinput"):  # which a worker of xdist has
        once.begin()


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        once.end()


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path, shared_world):
    """Each test has its own stored images and files of runs, and a log of its own with a note of
    its last event."""
    settings.MEDIA_ROOT, settings.AUDIT_HEAD = tmp_path / "media", tmp_path / "audit_head"
    settings.RUN_FILES_ROOT = tmp_path / "run_files"
    if shared_world:
        shared_world.copy_files(tmp_path)


@pytest.fixture
def media_root(settings, own_files):
    return settings.MEDIA_ROOT


@pytest.fixture
def run_files_root(settings, own_files):
    return settings.RUN_FILES_ROOT


@pytest.fixture
def audit_head(settings, own_files):
    return settings.AUDIT_HEAD


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What one test's studies were is not what another's are: they may have the same keys."""
    caches["frozen"].clear()


@pytest.fixture(autouse=True)
def own_language():
    """A request leaves its language on its thread, which tests share."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def no_child_worker(monkeypatch):
    """Jobs are queued; a test that is about running them runs them itself."""
    monkeypatch.setattr("readerstudy.jobs.dispatch.start_child", lambda kind: None)
