"""Each benchmark runs, small, and prints what it promises; `make bench` measures."""

import ast
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.support.site import MIGRATED
from tests.services.templates import migrated_sqlite

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow("a benchmark is a program of its own, with sites and workers of its own"),
]

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "benchmarks").glob("*.py"))
PEER = "label_studio"  # left out of --quick: it takes minutes to install and to start
BY_FILE = pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
_printed: dict[Path, str] = {}


def printed(file: Path, folder: Path) -> str:
    """What one quick run printed; each file is run once."""
    if file not in _printed:
        more = {"OMP_NUM_THREADS": "1", MIGRATED: str(migrated_sqlite())}
        run = subprocess.run(
            [sys.executable, file, "--quick"], cwd=folder, capture_output=True, text=True,
            check=False, env=os.environ | more,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        _printed[file] = run.stdout
    return _printed[file]


def figures(text: str) -> dict[str, float]:
    """By name: a line is a name, a value and a unit."""
    lines = [line.split(maxsplit=2) for line in text.splitlines() if not line.startswith("#")]
    assert all(len(line) == 3 for line in lines), text
    assert len({name for name, *_ in lines}) == len(lines), text
    return {name: float(value) for name, value, _unit in lines}


def promised(file: Path) -> set[str]:
    """The names of the figures in the list at the top of the file."""
    text = ast.get_docstring(ast.parse(file.read_text()))
    items = re.findall(r"^- ([\w,\s]+?):", text, re.MULTILINE)
    return {name for item in items for name in re.split(r",\s+", item)}


@BY_FILE
def test_a_benchmark_runs_and_prints_every_figure_that_it_promises(file, tmp_path):
    found = figures(printed(file, tmp_path))
    assert set(found) == {name for name in promised(file) if PEER not in name}
    assert all(math.isfinite(value) for value in found.values()), found


def test_many_readers_at_once_lose_nothing(tmp_path):
    """The reading benchmark's own part, small: what it says of the readings is true of ours."""
    text = printed(ROOT / "benchmarks/reading.py", tmp_path)
    assert text.startswith("# Label Studio is left out")
    found = figures(text)
    assert found["soak_reads"] >= found["soak_readers"] == 10
    for none in ("errors", "lost", "duplicates", "out_of_order"):
        assert found[f"soak_{none}"] == 0
    for what in ("page", "submit"):
        assert found[f"{what}_queries_first"] == found[f"{what}_queries_late"]
