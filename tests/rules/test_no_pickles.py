"""No module of the site unpickles anything: to load a pickle is to run its writer's code."""

import ast
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.serializers import JSONSerializer
from django.utils.module_loading import import_string

from readerstudy.celery import app

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["readerstudy", "inference", "analysis"]
UNPICKLE = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
NAMES_OF_ERRORS = {"PickleError", "UnpicklingError"}  # what a refused file raises
CALLS = {"read_pickle", "to_pickle", "load_module_pickle"}


def faults(source: str) -> list[str]:
    """What in a module's text unpickles, or might."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in UNPICKLE]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = {alias.name for alias in node.names} - NAMES_OF_ERRORS
            if node.module.split(".")[0] in UNPICKLE and names:
                found.append(f"from {node.module}")
        elif isinstance(node, ast.Call):
            found += _of_call(node)
    return found


def _of_call(node: ast.Call) -> list[str]:
    called = ast.unparse(node.func)
    options = {each.arg: ast.unparse(each.value) for each in node.keywords}
    found = [called] if called.split(".")[-1] in CALLS else []
    if called in ("torch.load", "load") and options.get("weights_only") != "True":
        found.append(f"{called} without weights_only")
    if options.get("allow_pickle", "False") != "False":
        found.append(f"{called} with allow_pickle")
    if called in ("__import__", "import_module", "importlib.import_module"):
        named = [ast.unparse(each).strip("'\"") for each in node.args]
        found += [name for name in named if name.split(".")[0] in UNPICKLE]
    return found


def test_no_module_unpickles():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 300
    assert {
        str(path.relative_to(ROOT)): bad for path in files if (bad := faults(path.read_text()))
    } == {}


@pytest.mark.parametrize(
    "source",
    ["import pickle", "import os, marshal as m", "from shelve import open", "from pickle import *",
     "from joblib import load", "def f():\n    import dill", "torch.load(path)",
     "torch.load(path, weights_only=False)", "np.load(path, allow_pickle=True)",
     "np.load(path, allow_pickle=chosen)", "pd.read_pickle(path)", "import_module('pickle')"],
)  # fmt: skip
def test_the_rule_sees(source):
    assert faults(source)


def test_sessions_and_messages_to_workers_are_json():
    assert import_string(settings.SESSION_SERIALIZER) is JSONSerializer
    assert list(app.conf.accept_content) == ["json"]
    assert app.conf.task_serializer == "json"
