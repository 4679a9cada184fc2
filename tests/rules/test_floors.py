"""Imports go down the floors of the house, never up and never in a circle."""

from pathlib import Path

import pytest

from tests.rules.imports import circles, imports, imports_up, modules

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["readerstudy", "inference", "analysis"]

# Ground first. Rooms on one floor may know each other as far as they make no circle.
FLOORS: list[tuple[str, ...]] = [
    ("readerstudy.diagnosis", "readerstudy.background", "readerstudy.prepared"),
    ("readerstudy.audit",),
    ("readerstudy.accounts",),
    ("readerstudy.cohorts",),
    ("inference",),
    ("readerstudy.reading",),
    ("analysis",),
    ("readerstudy.handover",),
    ("readerstudy.demo",),
    ("readerstudy.operation",),
    ("readerstudy.urls",),
]
# Read by Django and Celery, not by the house; only the tasks name the Celery application.
BESIDE = {
    "readerstudy": set(),
    "readerstudy.settings": set(),
    "readerstudy.wsgi": set(),
    "readerstudy.celery": {
        "readerstudy.cohorts.tasks",
        "inference.tasks",
        "analysis.tasks",
        "readerstudy.handover.tasks",
    },
}
SECTIONS_KNOW = (
    "analysis.sections",
    "analysis.stats",
    "analysis.plan",
    "analysis.study_data",
    "analysis.document",
    "readerstudy.diagnosis",
    "readerstudy.cohorts.vocabulary",
    "inference.clahdm.hierarchy",
    "inference.clahdm.evaluation",
)
# The parts that can be lifted out, and all of the house that each may know.
PURE = {
    "inference.clahdm": ("inference.clahdm", "readerstudy.diagnosis"),
    "analysis.stats": ("analysis.stats",),
    "analysis.canonical": (),
    "analysis.document": (),
    "analysis.plan": ("analysis.canonical",),
    "analysis.study_data": ("analysis.canonical",),
    "analysis.sections": SECTIONS_KNOW,
    "analysis.results": (*SECTIONS_KNOW, "analysis.canonical"),
    "readerstudy.diagnosis": (),
    "readerstudy.cohorts.vocabulary": (),
    "readerstudy.demo.published": (
        "readerstudy.demo.published",
        "readerstudy.diagnosis",
        "readerstudy.cohorts.vocabulary",
        "analysis.document",
        "analysis.stats",
        "inference.clahdm",
    ),
}
WEB_FRAMEWORK = {"django", "rest_framework", "celery", "csp", "whitenoise"}


def test_imports_go_down():
    assert imports_up(ROOT, PACKAGES, FLOORS, BESIDE) == []


def test_no_import_runs_in_a_circle():
    assert circles(ROOT, PACKAGES) == []


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


# The check itself, on a small house with a fault in it.
HOUSE = [("house.ground",), ("house.upper",)]


@pytest.fixture
def house(tmp_path):
    def build(**files: str) -> Path:
        folder = tmp_path / "house"
        folder.mkdir()
        for name, text in {"__init__": "", "ground": "", "upper": "", **files}.items():
            (folder / f"{name}.py").write_text(text)
        return tmp_path

    return build


def check(root: Path) -> list[str]:
    return imports_up(root, ["house"], HOUSE, {"house": {"house"}, "house.beside": set()})


def test_a_sound_house_passes(house):
    root = house(upper="import os\nfrom house.ground import thing\nfrom house import ground")
    assert check(root) == []
    assert circles(root, ["house"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "import house.upper",
        "from house import upper",
        "from house.upper import thing",
        "from . import upper",
        "from .upper import thing",
        "def later():\n    from house.upper import thing",
        "class Thing:\n    def later(self):\n        import house.upper as up",
        "if True:\n    import house.upper",
        "from importlib import import_module\nimport_module('house.upper')",
        "import importlib\nimportlib.import_module('house.' + 'upper')",
        "__import__('house.upper')",
        "from house import beside",
    ],
)
def test_an_import_up_is_caught(house, text):
    [wrong] = check(house(ground=text, beside=""))
    assert wrong.startswith("house.ground:")


def test_a_module_on_no_floor_is_caught(house):
    assert check(house(attic="")) == ["house.attic stands on no floor"]


def test_a_circle_is_caught(house):
    root = house(ground="from house.upper import a", upper="from house import ground")
    assert set(circles(root, ["house"])) == {"house.ground", "house.upper"}


def test_an_import_inside_a_function_makes_no_circle(house):
    root = house(ground="def f():\n    import house.upper", upper="import house.ground")
    assert circles(root, ["house"]) == []
