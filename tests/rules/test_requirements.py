"""What the product imports is what requirements.txt names, and nothing that it doesn't."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.rules.import_graph import imports, modules

ROOT = Path(__file__).resolve().parents[2]
OURS = {"readerstudy", "inference", "analysis", "tests", "manage"}


def _normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    return {_normal(re.split(r"[=\[]", line)[0]) for line in lines if re.match(r"\w", line)}


def _imported() -> dict[str, str]:
    """Every package from outside that the product imports, each with one place that does."""
    return {
        found.imported.split(".")[0]: f"{name}:{found.line}"
        for name, path in modules(ROOT, ["readerstudy", "inference", "analysis"]).items()
        for found in imports(name, path)
        if found.imported.split(".")[0] not in OURS | sys.stdlib_module_names
    }


def test_every_package_that_is_imported_is_required_by_name():
    sources, required = packages_distributions(), _required("requirements.txt")
    missing = {
        place: package
        for package, place in _imported().items()
        if not required & {_normal(source) for source in sources.get(package, [])}
    }
    assert not missing


def test_every_requirement_is_pinned():
    for file in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        lines = [line for line in (ROOT / file).read_text().splitlines() if re.match(r"\w", line)]
        assert [line for line in lines if "==" not in line] == []
    assert _required("requirements.txt") <= _required("constraints.txt")
