"""docker/compose.yaml, as its tests read it."""

import re
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docker"
PATH = FOLDER / "compose.yaml"
OTHERS = {"proxy", "db", "redis"}  # images of other makers


@cache
def compose() -> dict:
    """The whole file, anchors and merges resolved."""
    return YAML(typ="safe").load(PATH.read_text())


def services(*, of_ours: bool = True) -> dict[str, dict]:
    """Those that run this code, or all."""
    found = compose()["services"]
    return {name: each for name, each in found.items() if not of_ours or name not in OTHERS}


def settings_variables() -> set[str]:
    """The variables that the settings read."""
    text = (ROOT / "readerstudy" / "settings.py").read_text()
    named = re.findall(r"\benv\.\w+\(\s*\"([A-Z][A-Z0-9_]+)\"", text)
    return {*named, *re.findall(r"_(?:from_one|above_zero)\(\"([A-Z0-9_]+)\"", text)}


def interpolated() -> dict[str, bool]:
    """The names that stand in ``${...}``, and whether each has a value of its own by default."""
    found: dict[str, bool] = {}
    for name, rest in re.findall(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}", PATH.read_text()):
        found[name] = found.get(name, False) or rest.startswith(":-")
    return found
