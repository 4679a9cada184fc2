"""What the address of a list in the admin may ask of the database: what the list itself offers.

Django lets an address filter by any column of the list's own model, shown or not:
``?confidence=3`` would tell what a page hides. Here the filters are those that the page declares.
"""

from collections.abc import Iterator

from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest


class DeclaredFilters:
    """Mixin for a ModelAdmin: a filter that is neither in ``list_filter`` nor the date hierarchy
    is refused, whatever column it names and by whatever relation it goes there."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        path = field_path(self.model, lookup)
        if not path:
            return lookup in _parameters(self, request)
        declared = {field_path(self.model, each) for each in _fields(self, request)}
        return path in declared | {(self.model._meta.pk.name,)}

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Whether rows may be referred to by this column (``?_to_field=``). Django asks relations,
        which are none, for what only a column has."""
        try:
            is_column = self.opts.get_field(to_field).concrete
        except FieldDoesNotExist:
            return False
        return is_column and super().to_field_allowed(request, to_field)


def field_path(model: type[models.Model], lookup: str) -> tuple[str, ...]:
    """The columns that a lookup walks along, without what it compares them by; the key of a
    related row is the column that refers to it."""
    path: list[str] = []
    for name in lookup.split(LOOKUP_SEP):
        try:
            field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        except FieldDoesNotExist:
            break
        if not (path and getattr(field, "primary_key", False)):
            path.append(field.name)
        if not field.is_relation:
            break
        model = field.related_model
    return tuple(path)


def _fields(model_admin: ModelAdmin, request: HttpRequest) -> Iterator[str]:
    for each in model_admin.get_list_filter(request):
        name = each[0] if isinstance(each, tuple | list) else each
        if isinstance(name, str):
            yield name
    if model_admin.date_hierarchy:
        yield model_admin.date_hierarchy


def _parameters(model_admin: ModelAdmin, request: HttpRequest) -> set[str]:
    """What the filters that name no column are called in an address."""
    filters = model_admin.get_list_filter(request)
    return {each.parameter_name for each in filters if hasattr(each, "parameter_name")}
