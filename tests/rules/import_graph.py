"""Read who imports whom from the source itself, functions included, without running any of it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

UNKNOWN = "(a name that is known only at run time)"


@dataclass(frozen=True)
class Import:
    """One import: the importing module, what it names, and whether it runs with the module."""

    importer: str
    imported: str
    line: int
    at_module_level: bool


def modules(root: Path, packages: list[str]) -> dict[str, Path]:
    """Every module under these packages by its dotted name; a package is its __init__."""
    found = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path) -> Iterator[Import]:
    """All imports of a module. ``from a import b`` names a.b and leaves it to the reader of this
    whether that is a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        for target in _targets(node, package):
            yield Import(name, target, node.lineno, id(node) not in late)


def _targets(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    called = isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1]
    if called in ("import_module", "__import__") and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return [first.value]
        return [UNKNOWN]
    return []


def layer_of(module: str, layers: list[tuple[str, ...]]) -> int | None:
    """The number of a module's layer, counted from the lowest; None if it belongs to none."""
    for number, names in enumerate(layers):
        if any(module == each or module.startswith(f"{each}.") for each in names):
            return number
    return None


def upward_imports(
    root: Path, packages: list[str], layers: list[tuple[str, ...]], outside: dict[str, set[str]]
) -> list[str]:
    """Every import of a higher layer, and every module that belongs to none.

    ``outside`` names modules of no layer, each with the modules that may import it.
    """
    wrong = []
    for name, path in modules(root, packages).items():
        here = layer_of(name, layers)
        if here is None:
            if name not in outside:
                wrong.append(f"{name} belongs to no layer")
            continue
        for found in imports(name, path):
            there = layer_of(found.imported, layers)
            aside = [each for each in outside if f"{found.imported}.".startswith(f"{each}.")]
            aside = sorted(aside, key=len)[-1:]
            if there is not None and there > here:
                wrong.append(f"{name}:{found.line} imports {found.imported} from above")
            elif there is None and any(name not in outside[each] for each in aside):
                wrong.append(f"{name}:{found.line} imports {found.imported}, which is not for it")
            elif found.imported.startswith("("):
                wrong.append(f"{name}:{found.line} imports {found.imported}")
    return wrong


def import_cycles(root: Path, packages: list[str]) -> list[str]:
    """Modules that need each other before either has run to its end; empty when there are none."""
    known = modules(root, packages)
    needs = {
        name: {
            target
            for found in imports(name, path)
            if found.at_module_level and (target := _module_named(found.imported, known))
        }
        - {name}
        for name, path in known.items()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def _module_named(target: str, known: dict[str, Path]) -> str | None:
    """The module that ``from a import b`` loads: a.b if that is one, else a."""
    if target in known:
        return target
    parent = target.rpartition(".")[0]
    return parent if parent in known else None
