"""docs/promises.md names tests that there are, leaves no module out, and says what runs when."""

import ast
import re
from functools import cache
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
PAGE = (ROOT / "docs/promises.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`((?:\w+/)?test_\w+\.py)(?:::(test_\w+))?`")
EXPRESSION = re.compile(r'-m (?:"(.+?)"|(\w+))')
ON_BOTH, REST = "On both databases", "In make test-rest alone"
MODULES = sorted(str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py"))


@cache
def functions_of(module: str) -> set[str]:
    """The names of a module's test functions."""
    tree = ast.parse((TESTS / module).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {name for name in functions if name.startswith("test_")}


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def promises() -> list[str]:
    """Every line of the page's lists, with what it goes on with."""
    return re.findall(r"^- .*(?:\n  .*)*", PAGE, flags=re.MULTILINE)


def marked(name: str) -> set[str]:
    """The modules in which a test bears this mark."""
    mark = re.compile(rf"pytest\.mark\.{name}\b")
    return {m for m in MODULES if mark.search((TESTS / m).read_text(encoding="utf-8"))}


def test_every_test_that_is_named_exists():
    named = NAMED.findall(PAGE)
    assert len(named) >= len(MODULES)
    assert {module for module, _ in named if module not in MODULES} == set()
    assert {(m, test) for m, test in named if test and test not in functions_of(m)} == set()


def test_every_module_keeps_a_promise_in_words():
    said = {m for line in promises() if re.match(r"- \w[^`]{20}", line) for m in modules_in(line)}
    assert set(MODULES) - said == set()


def modules_in(text: str) -> set[str]:
    return {module for module, _ in NAMED.findall(text)}


def test_what_runs_on_both_databases_is_named():
    assert modules_in(section(ON_BOTH)) == marked("both_databases")


def test_what_only_make_test_rest_runs_is_named():
    assert modules_in(section(REST)) == marked("rest")


def commands(target: str) -> list[str]:
    """What a target of the Makefile runs, in order."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    recipe = re.search(rf"^{target}: \.venv[^\n]*\n((?:\t[^\n]*\n)+)", text, re.MULTILINE)[1]
    return [line for line in recipe.splitlines() if "$(PYTEST)" in line or "$(ON_" in line]


def selected(command: str, marks: dict[str, bool]) -> bool:
    quoted, bare = re.search(EXPRESSION, command).groups()
    return bool(eval(quoted or bare, {}, marks))


@pytest.mark.parametrize("number", [0, 1], ids=["sqlite", "postgresql"])
def test_what_make_test_leaves_out_make_test_rest_runs(number):
    now, later = commands("test")[number], commands("test-rest")[number]
    assert re.sub(EXPRESSION, "", now) == re.sub(EXPRESSION, "", later)
    for values in product([False, True], repeat=2):
        marks = dict(zip(("rest", "both_databases"), values, strict=True))
        assert selected(now, marks) != selected(later, marks), marks


def test_both_are_what_ci_runs():
    script = (ROOT / ".ci/run").read_text()
    assert re.findall(r"^make (\S+) \|\| failed=1", script, re.MULTILINE) == ["test", "test-rest"]
    assert script.rstrip().endswith("exit $failed")
