"""What docs and docstrings say of modules names modules that are there."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = subprocess.run(
    ["git", "ls-files", "-co", "--exclude-standard"],
    cwd=ROOT, capture_output=True, text=True, check=True,
).stdout.split()  # fmt: skip
PRODUCT = ("readerstudy/", "inference/", "analysis/", "benchmarks/", "tests/")
LISTED = re.compile(r"^    ([a-z_]\w*)(?:, ([a-z_]\w*))?  +\S", re.MULTILINE)
PATH = re.compile(r"`([\w/.-]*\w+\.(?:py|js))`")


def docstrings(path: Path) -> list[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [text for node in nodes if isinstance(node, kinds) and (text := ast.get_docstring(node))]


@pytest.mark.parametrize("file", [f for f in FILES if f.endswith("__init__.py")])
def test_a_packages_list_of_its_modules_names_those_that_are_there(file):
    path = ROOT / file
    [text] = docstrings(path)[:1] or [""]
    named = {name for pair in LISTED.findall(text) for name in pair if name}
    assert {name for name in named if not _is_there(path.parent / name)} == set()


def _is_there(module: Path) -> bool:
    return module.is_dir() or module.with_suffix(".py").is_file()


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.endswith(".md") or (f.startswith(PRODUCT) and f.endswith(".py"))]
)
def test_every_file_that_is_named_is_there(file):
    path = ROOT / file
    text = "\n".join(docstrings(path)) if path.suffix == ".py" else path.read_text()
    named = {name.strip("./") for name in PATH.findall(text)}
    missing = {name for name in named if not any(f"/{each}".endswith(f"/{name}") for each in FILES)}
    assert missing == set()
