"""A run of the tests writes down what each took, and lets none take long without a reason."""

import json
from types import SimpleNamespace

import pytest

from tests import durations

pytest_plugins = ["pytester"]

PLUGIN = """
import pytest
from tests import durations

def pytest_configure(config):
    for name in ("slow", "rest"):
        config.addinivalue_line("markers", f"{name}(why): ...")
    config.pluginmanager.register(durations.DurationsPlugin(config, limit=0.2))
"""
TESTS = """
import subprocess, sys, time
import pytest

WORK = "import time\\nwhile time.process_time() < 0.4: pass"

def test_waits_by_the_clock():
    time.sleep(0.4)

def test_works():
    exec(WORK.replace("0.4", str(time.process_time() + 0.4)))

def test_lets_a_child_work():
    subprocess.run([sys.executable, "-c", WORK], check=True)

@pytest.mark.slow("there is no other way")
def test_works_with_a_reason():
    exec(WORK.replace("0.4", str(time.process_time() + 0.4)))
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run these tests in a pytest of their own, with nothing of this project but the plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(PLUGIN)

    def run(tests: str) -> pytest.RunResult:
        pytester.makepyfile(test_some=tests)
        return pytester.runpytest_inprocess()

    return run


def test_a_test_that_works_too_long_fails_unless_it_says_why(run):
    result = run(TESTS)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*test_works took*and 0.2 are allowed*slow('why')*"])
    result.stdout.fnmatch_lines(["*test_lets_a_child_work took*"])


@pytest.mark.parametrize("mark", ["slow", "rest"])
def test_a_mark_without_a_reason_ends_the_run(run, mark):
    result = run(f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*test_it: @pytest.mark.{mark} must say why*"])


def test_what_each_test_took_is_written_down(run, pytester):
    run(TESTS)
    seen = json.loads((pytester.path / ".pytest_cache/v" / durations.CACHED).read_text())
    waited = seen["test_some.py::test_waits_by_the_clock"]
    worked = seen["test_some.py::test_lets_a_child_work"]
    assert waited["clock"] >= 0.4 > waited["processor"]
    assert worked["processor"] >= 0.35  # as it is rounded


def test_the_modules_that_took_longest_come_first_each_in_its_order():
    names = ["tests/a.py::one", "tests/b.py::one", "tests/b.py::two", "tests/e2e/new.py::one"]
    known = {name: {"clock": 2.0} for name in names[:3]}
    items = [
        SimpleNamespace(nodeid=name, iter_markers=lambda: [pytest.mark.e2e.mark]) for name in names
    ]
    found = [item.nodeid for item in durations.longest_modules_first(items, known)]
    assert found == [names[3], names[1], names[2], names[0]]
