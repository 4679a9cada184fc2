import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LIGHT = ", ".join(
    f"inference.clahdm{module}"
    for module in ("", ".hierarchical_probabilities", ".weights_card", ".evaluation")
)


def _loaded_after(statement: str) -> set[str]:
    """Names in sys.modules of a fresh interpreter after one import statement."""
    script = f"{statement}; import sys; print(*sys.modules, sep='\\n')"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_light_modules_leave_torch_out():
    loaded = _loaded_after(f"import {LIGHT}")
    assert "inference.clahdm.weights_card" in loaded
    assert not {"torch", "django"} & loaded


def test_package_needs_no_django():
    loaded = _loaded_after("import inference.clahdm.predict, inference.clahdm.train_clahdm")
    assert "torch" in loaded
    assert "django" not in loaded
    ours = {name for name in loaded if name.split(".")[0] in {"readerstudy", "analysis"}}
    assert ours == {"readerstudy", "readerstudy.diagnosis"}


def test_of_heavy_packages_torch_alone_is_loaded():
    loaded = _loaded_after("import inference.clahdm.predict")
    heavy = {"monai", "torchvision", "scipy", "pandas", "matplotlib", "sympy", "networkx"}
    assert "torch" in loaded
    assert not heavy & loaded
