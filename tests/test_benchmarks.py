"""Each benchmark starts by itself. That it measures something takes minutes: `make bench`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_benchmark_explains_itself(file, tmp_path):
    run = subprocess.run(
        [sys.executable, file, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "--quick" in run.stdout


@pytest.mark.services
def test_many_readers_at_once_lose_nothing(tmp_path):
    """The reading benchmark's own part, small: what it says of the readings is true of ours."""
    command = [sys.executable, ROOT / "benchmarks/reading.py", "--quick", "--ours-only"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    figures = {name: float(value) for name, value, _ in map(str.split, run.stdout.splitlines())}
    assert figures["soak_reads"] >= figures["soak_readers"] == 10
    for none in ("errors", "lost", "duplicates", "out_of_order"):
        assert figures[f"soak_{none}"] == 0
    for what in ("page", "submit"):
        assert figures[f"{what}_queries_1"] == figures[f"{what}_queries_5"]
