"""Settings keep their history: every state that a row was in, since when, and by whom.

django-simple-history writes a row at each save; what passes by ``save`` (``update``,
``bulk_create``) it does not see; tests/rules/test_model_history.py keeps the code from that. The
person is named in text, as in the audit log, and the database refuses to change a state.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import simple_history
from django.db import models
from simple_history.models import HistoricalRecords

from readerstudy.audit.append_only import append_only

STATES_SHOWN = 200
KINDS = {"+": "Added", "~": "Changed", "-": "Deleted"}
ModelClass = type[models.Model]

_TRACKED: list[ModelClass] = []


@dataclass(frozen=True)
class RowState:
    """A row as it was from ``at`` on: what changed, as (name, before, after)."""

    at: datetime
    by: str
    kind: str
    changes: list[tuple[str, str, str]]


def tracks_history(*, without: tuple[str, ...] = ()) -> Callable[[ModelClass], ModelClass]:
    """Class decorator: each state of a row is kept, but for the fields named."""

    def register(model: ModelClass) -> ModelClass:
        simple_history.register(
            model,
            records_class=_Records,
            excluded_fields=list(without),
            history_user_id_field=models.CharField(
                max_length=150, blank=True, help_text="Username; blank: the system"
            ),
            history_user_getter=lambda state: state.history_user_id,
            history_user_setter=_name_user,
        )
        append_only()(model.history.model)
        _TRACKED.append(model)
        return model

    return register


def tracked_models() -> list[ModelClass]:
    """Every model that keeps its history."""
    return list(_TRACKED)


def last_states(model: ModelClass, pk: object) -> list[RowState]:
    """The last states of a row, the latest first; none for a model that keeps no history."""
    if model not in _TRACKED:
        return []
    found = model.history.filter(**{model._meta.pk.attname: pk}).order_by("-history_id")
    rows = list(found[: STATES_SHOWN + 1])
    befores = [*rows[1:], None][: len(rows)]
    return [
        RowState(
            row.history_date, row.history_user_id, KINDS[row.history_type], _changes(row, before)
        )
        for row, before in zip(rows, befores, strict=True)
    ][:STATES_SHOWN]


def _changes(row: models.Model, before: models.Model | None) -> list[tuple[str, str, str]]:
    return [
        (name, "" if before is None else str(was), str(now))
        for name, was, now in _fields(row, before)
        if before is None or was != now
    ]


def _fields(row: models.Model, before: models.Model | None) -> Iterator[tuple[str, object, object]]:
    for field in row.tracked_fields:
        yield field.name, getattr(before, field.attname, None), getattr(row, field.attname)


def _name_user(state: models.Model, user: models.Model | None) -> None:
    state.history_user_id = user.get_username() if user else ""


class _Records(HistoricalRecords):
    """Writes nothing when only fields that are left out were saved, as a sign-in does."""

    def post_save(self, instance, created, using=None, update_fields=None, **kwargs):
        left_out = update_fields and set(update_fields) <= set(self.excluded_fields)
        if not left_out:
            super().post_save(instance, created, using=using, **kwargs)
