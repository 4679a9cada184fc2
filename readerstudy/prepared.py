"""Queries that every read asks: the ORM writes their SQL once in a process, and not each time.

To write it takes the ORM longer than it takes the database to answer.
"""

import copy
from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable
from django.db.models.sql.compiler import SQLCompiler

M = TypeVar("M", bound=Model)


class Prepared(Generic[M]):
    """A query in which one value changes: ``shape`` makes its queryset.

    ``sample`` is a value of that kind, which stands nowhere else in the query. What the ORM checks
    while it writes, such as that rows are locked within a transaction, it checks the first time.
    """

    def __init__(self, shape: Callable[[Any], QuerySet[M]], *, sample: Any):
        self._shape = shape
        self._sample = sample

    def __call__(self, value: Any) -> list[M]:
        """What the queryset of this value would give."""
        compiler, sql, params = self._written
        compiler = copy.copy(compiler)
        compiler.connection = connections[DEFAULT_DB_ALIAS]
        filled = tuple(value if each == self._sample else each for each in params)
        compiler.as_sql = lambda *_args, **_options: (sql, filled)
        return list(ModelIterable(_Asked(compiler)))

    @cached_property
    def _written(self) -> tuple[SQLCompiler, str, tuple]:
        compiler = self._shape(self._sample).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        if params.count(self._sample) != 1:
            raise ValueError(f"{self._sample!r} is not once in the query: {sql}")
        compiler.connection = None  # this thread's: each call has its own
        return compiler, sql, params


class _Asked:
    """What ``ModelIterable`` wants of a queryset and of its query."""

    db = DEFAULT_DB_ALIAS
    _known_related_objects: dict = {}

    def __init__(self, compiler: SQLCompiler):
        self._compiler = compiler

    @property
    def query(self) -> "_Asked":
        return self

    def get_compiler(self, using: str) -> SQLCompiler:
        return self._compiler
