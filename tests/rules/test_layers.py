"""Imports go down the layers of the project, never up and never in a cycle."""

from pathlib import Path

import pytest

from tests.rules.import_graph import import_cycles, imports, modules, upward_imports

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["readerstudy", "inference", "analysis"]

# Lowest first. Modules of one layer may import each other as far as they make no cycle.
LAYERS: list[tuple[str, ...]] = [
    (
        "readerstudy.diagnosis",
        "readerstudy.cache_counters",
        "readerstudy.code_version",
        "readerstudy.database_outages",
        "readerstudy.error_pages",
        "readerstudy.request_limits",
    ),
    ("readerstudy.jobs",),
    ("readerstudy.audit",),
    ("readerstudy.imaging",),
    ("readerstudy.accounts",),
    ("readerstudy.studies",),
    ("inference",),
    ("readerstudy.reading",),
    ("analysis",),
    ("readerstudy.exchange",),
    ("readerstudy.demo",),
    ("readerstudy.monitoring",),
    ("readerstudy.operations",),
    ("readerstudy.urls",),
]
# Read by Django and Celery, not by the project; only the tasks name the Celery application.
OUTSIDE_LAYERS = {
    "readerstudy": set(),
    "readerstudy.settings": set(),
    "readerstudy.wsgi": set(),
    "readerstudy.celery": {
        "readerstudy.jobs.tasks",
        "readerstudy.jobs.former_tasks",
    },
}
SECTIONS_KNOW = (
    "analysis.sections",
    "analysis.stats",
    "analysis.plan",
    "analysis.study_arrays",
    "analysis.results_document",
    "readerstudy.diagnosis",
    "readerstudy.studies.clinical_vocabulary",
    "inference.clahdm.hierarchical_probabilities",
    "inference.clahdm.evaluation",
)
# The parts that can be lifted out, and all of the project that each may import.
PURE = {
    "inference.clahdm": ("inference.clahdm", "readerstudy.diagnosis"),
    "analysis.stats": ("analysis.stats",),
    "analysis.canonical": (),
    "analysis.results_document": (),
    "analysis.plan": ("analysis.canonical",),
    "analysis.study_arrays": ("analysis.canonical",),
    "analysis.sections": SECTIONS_KNOW,
    "analysis.compute_results": (*SECTIONS_KNOW, "analysis.canonical"),
    "readerstudy.diagnosis": (),
    "readerstudy.imaging": ("readerstudy.imaging",),
    "readerstudy.studies.clinical_vocabulary": (),
    "readerstudy.demo.published": (
        "readerstudy.demo.published",
        "readerstudy.diagnosis",
        "readerstudy.studies.clinical_vocabulary",
        "analysis.results_document",
        "analysis.stats",
        "inference.clahdm",
    ),
}
WEB_FRAMEWORK = {"django", "rest_framework", "celery", "csp", "whitenoise"}


def test_imports_go_down():
    assert upward_imports(ROOT, PACKAGES, LAYERS, OUTSIDE_LAYERS) == []


def test_there_is_no_import_cycle():
    assert import_cycles(ROOT, PACKAGES) == []


@pytest.mark.parametrize("core", PURE)
def test_the_pure_parts_know_neither_django_nor_the_apps(core):
    foreign = [
        f"{name}:{found.line} imports {found.imported}"
        for name, path in modules(ROOT, PACKAGES).items()
        if name == core or name.startswith(f"{core}.")
        for found in imports(name, path)
        if found.imported.split(".")[0] in WEB_FRAMEWORK
        or (
            found.imported.split(".")[0] in PACKAGES
            and not any(f"{found.imported}.".startswith(f"{own}.") for own in PURE[core])
        )
    ]
    assert foreign == []


@pytest.mark.parametrize("core", PURE)
def test_every_pure_part_is_there(core):
    assert core in modules(ROOT, PACKAGES)


# The check itself, on a small project with a fault in it.
PROJECT = [("project.ground",), ("project.upper",)]


@pytest.fixture
def project(tmp_path):
    def build(**files: str) -> Path:
        folder = tmp_path / "project"
        folder.mkdir()
        for name, text in {"__init__": "", "ground": "", "upper": "", **files}.items():
            (folder / f"{name}.py").write_text(text)
        return tmp_path

    return build


def check(root: Path) -> list[str]:
    return upward_imports(
        root, ["project"], PROJECT, {"project": {"project"}, "project.outside": set()}
    )


def test_a_sound_project_passes(project):
    root = project(upper="import os\nfrom project.ground import thing\nfrom project import ground")
    assert check(root) == []
    assert import_cycles(root, ["project"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "import project.upper",
        "from project import upper",
        "from project.upper import thing",
        "from . import upper",
        "from .upper import thing",
        "def later():\n    from project.upper import thing",
        "class Thing:\n    def later(self):\n        import project.upper as up",
        "if True:\n    import project.upper",
        "from importlib import import_module\nimport_module('project.upper')",
        "import importlib\nimportlib.import_module('project.' + 'upper')",
        "__import__('project.upper')",
        "from project import outside",
    ],
)
def test_an_import_up_is_caught(project, text):
    [wrong] = check(project(ground=text, outside=""))
    assert wrong.startswith("project.ground:")


def test_a_module_of_no_layer_is_caught(project):
    assert check(project(stray="")) == ["project.stray belongs to no layer"]


def test_a_cycle_is_caught(project):
    root = project(ground="from project.upper import a", upper="from project import ground")
    assert set(import_cycles(root, ["project"])) == {"project.ground", "project.upper"}


def test_an_import_inside_a_function_makes_no_cycle(project):
    root = project(ground="def f():\n    import project.upper", upper="import project.ground")
    assert import_cycles(root, ["project"]) == []
