"""What is imported is what the requirements name, not what some other package happens to bring."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.rules.import_graph import UNKNOWN, imports, modules

ROOT = Path(__file__).resolve().parents[2]
# Runs in environments of its own, with what it is compared with.
ELSEWHERE = "benchmarks.support.layercam_peers"
PRODUCT = ["readerstudy", "inference", "analysis"]


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    return {_normal(re.split(r"[=\[]", line)[0]) for line in lines if re.match(r"\w", line)}


def _imported(roots: list[str]) -> dict[str, str]:
    """Every package from outside that these import, each with one place that does."""
    ours = {*PRODUCT, "tests", "benchmarks", "manage", UNKNOWN}
    return {
        found.imported.split(".")[0]: f"{name}:{found.line}"
        for name, path in modules(ROOT, roots).items()
        if name != ELSEWHERE
        for found in imports(name, path)
        if found.imported.split(".")[0] not in ours | sys.stdlib_module_names
    }


@pytest.mark.parametrize(
    ("roots", "files"),
    [
        (PRODUCT, ["requirements.txt"]),
        (["tests", "benchmarks"], ["requirements.txt", "requirements-dev.txt"]),
    ],
    ids=["product", "tests and benchmarks"],
)
def test_every_package_that_is_imported_is_required_by_name(roots, files):
    sources, required = packages_distributions(), set().union(*map(_required, files))
    missing = {
        place: package
        for package, place in _imported(roots).items()
        if not required & {_normal(source) for source in sources.get(package, [])}
    }
    assert not missing


def test_every_requirement_is_pinned():
    for file in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        lines = [line for line in (ROOT / file).read_text().splitlines() if re.match(r"\w", line)]
        assert [line for line in lines if "==" not in line] == []
    assert _required("requirements.txt") <= _required("constraints.txt")
