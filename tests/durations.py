"""How long each test takes: written down after every run, and held to a limit.

The figures stay in pytest's cache, ``.pytest_cache/v/readerstudy/durations``: by test, the seconds
by the clock and those of processor time, its child processes' included. The modules that took
longest come first in the next run, so that no core is left with a long one at the end.

A test that takes more than ``LIMIT`` fails unless ``@pytest.mark.slow("why")`` says why. The limit
is one of processor time in the test itself, without its fixtures. Beside other work the same takes
up to half as long again: what comes near the limit says why too.
"""

import os
from collections import defaultdict

import pytest

LIMIT = 20.0  # seconds of processor time
CACHED = "readerstudy/durations"
REASONED = ("slow", "rest")  # marks that say why
UNKNOWN = {"e2e": 15.0, "services": 15.0, "slow": 15.0}  # seconds of a test never run, by mark
Durations = dict[str, dict[str, float]]


class DurationsPlugin:
    """One a process; under xdist the figures meet where the tests are handed out."""

    def __init__(self, config: pytest.Config, limit: float = LIMIT):
        self.config, self.limit = config, limit
        self.seen: Durations = defaultdict(lambda: {"clock": 0.0, "processor": 0.0})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            require_reasons(item)
        known = self.config.cache.get(CACHED, {})
        items[:] = longest_modules_first(items, known)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item):
        began = processor_seconds()
        try:
            return (yield)
        finally:
            item.user_properties.append(("processor", processor_seconds() - began))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item):
        report = yield
        seconds = dict(item.user_properties).get("processor", 0.0)
        reasoned = any(item.get_closest_marker(name) for name in REASONED)
        if report.when == "call" and report.passed and seconds > self.limit and not reasoned:
            report.outcome = "failed"
            report.longrepr = (
                f"{item.nodeid} took {seconds:.1f} s of processor time, and {self.limit:g} are"
                " allowed: make it faster, or say why it can't be with @pytest.mark.slow('why')."
            )
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        seen = self.seen[report.nodeid]
        seen["clock"] = round(seen["clock"] + report.duration, 3)
        if report.when == "call":
            seen["processor"] = round(dict(report.user_properties).get("processor", 0.0), 3)

    def pytest_sessionfinish(self) -> None:
        if self.seen and not hasattr(self.config, "workerinput"):
            known = self.config.cache.get(CACHED, {})
            self.config.cache.set(CACHED, known | dict(self.seen))


def processor_seconds() -> float:
    """Of this process, all threads, and of its child processes that have ended."""
    return sum(os.times()[:4])


def require_reasons(item: pytest.Item) -> None:
    for name in REASONED:
        for mark in item.iter_markers(name):
            if not (mark.args and isinstance(mark.args[0], str) and mark.args[0].strip()):
                raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.{name} must say why")


def longest_modules_first(items: list[pytest.Item], known: Durations) -> list[pytest.Item]:
    """The items, module by module, by what their tests took when last seen."""
    seconds: dict[str, float] = defaultdict(float)
    for item in items:
        if item.nodeid in known:
            took = known[item.nodeid]["clock"]
        else:
            took = max((UNKNOWN.get(mark.name, 0.1) for mark in item.iter_markers()), default=0.1)
        seconds[item.nodeid.split("::")[0]] += took
    return sorted(items, key=lambda item: -seconds[item.nodeid.split("::")[0]])
