"""Rows that many tests look at, built once: each test finds them as they were built.

    @shared
    def study():
        return factories.make_open()

    @shared(params=("two_session", "sequential"))
    def study(design):
        return factories.make_open(design=design)

To the tests of its module this is a fixture like any other. It is built before the first of them
that asks for it, inside a transaction; each test runs in a savepoint of it and gets copies of the
objects, the stored files and the note of the audit log's last event. A test that asks for other
shared fixtures, or for none, finds nothing of it: pytest puts tests of one world side by side,
and takes a world back before the next. So no test depends on another, in whatever order they run.

What is shared asks for no fixture and stands in the module of its tests: ``study = shared(make)``
serves for a maker that several modules have. It is for tests that commit nothing.
"""

import copy
import itertools
import shutil
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.cache import caches
from django.db import transaction
from django.test import override_settings


class Maker(NamedTuple):
    make: Callable
    params: tuple[str, ...]  # one world for each; () where there is but one


_MAKERS: dict[Hashable, Maker] = {}  # by the fixture that it became


def shared(make: Callable | None = None, *, params: tuple[str, ...] = ()):
    """A fixture of what ``make`` returns, built once for all tests side by side."""
    if make is None:
        return lambda make: shared(make, params=params)

    def fixture(shared_world, db):
        return copy.deepcopy(shared_world.objects[make])

    fixture.__doc__ = make.__doc__
    definition = pytest.fixture(fixture)
    _MAKERS[definition] = Maker(make, tuple(params))
    return definition


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test's worlds are a parameter, by which pytest groups the tests of a module."""
    found = (getattr(metafunc.module, name, None) for name in metafunc.fixturenames)
    makers = [_MAKERS[f] for f in found if isinstance(f, Hashable) and f in _MAKERS]
    choices = list(itertools.product(*(maker.params or [None] for maker in makers)))
    worlds = [tuple(zip((m.make for m in makers), choice, strict=True)) for choice in choices]
    names = ["-".join(filter(None, choice)) or pytest.HIDDEN_PARAM for choice in choices]
    metafunc.parametrize("shared_world", worlds, ids=names, indirect=True, scope="module")


class World:
    """What was built, and the folder with its stored files and its audit log's head."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.objects: dict[Callable, object] = {}

    def build(self, makers: tuple[tuple[Callable, str | None], ...]) -> None:
        caches["frozen"].clear()
        places = {"MEDIA_ROOT": "media", "AUDIT_HEAD": "audit_head", "RUN_FILES_ROOT": "run_files"}
        with override_settings(**{name: self.folder / place for name, place in places.items()}):
            for make, param in makers:
                self.objects[make] = make() if param is None else make(param)

    def copy_files(self, target: Path) -> None:
        shutil.copytree(self.folder, target, dirs_exist_ok=True)


@pytest.fixture(scope="module", autouse=True)
def shared_world(request, tmp_path_factory) -> Iterator[World | None]:
    """The world of the tests that come next; None for those that share nothing."""
    if not request.param:
        yield None
        return
    request.getfixturevalue("django_db_setup")
    world = World(tmp_path_factory.mktemp("world"))
    with request.getfixturevalue("django_db_blocker").unblock(), transaction.atomic():
        world.build(request.param)
        yield world
        transaction.set_rollback(True)
