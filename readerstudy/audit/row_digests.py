"""Rows that events of the log witness: which, as what document, and under what digest.

A row is digested as a document of named fields with a format, never as whatever columns its model
has: a new column changes no digest. A change of the fields is a new format (``.../2``); the old one
stays registered, for the events that hold it.

A digest is an HMAC, by a key that is made of the audit key. There are six diagnoses: a digest
without a secret would tell the truth to whoever may read the log and not the truth. Without the
key the rows can be counted, and not compared.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet

from readerstudy.audit.canonical import canonical_json
from readerstudy.audit.chain import key_name

BLOCK = 200  # rows under one digest
T = TypeVar("T")
DocumentRow = tuple[int, str]  # a row's id, and its document


@dataclass(frozen=True, kw_only=True)
class EvidenceKind:
    """Rows of one model, as one format of document. ``study`` is the lookup to their study,
    ``fields`` are lookups too, ``only`` says which of the model's rows."""

    name: str
    format: str
    model: str
    study: str
    fields: tuple[str, ...]
    only: Q = field(default_factory=Q)

    def of_studies(self, **where: Any) -> QuerySet:
        """The rows of those studies of which this holds, by their slug, state and so on."""
        prefix = f"{self.study}__" if self.study else ""
        model = apps.get_model(self.model)
        conditions = {f"{prefix}{name}": value for name, value in where.items()}
        return model._base_manager.filter(self.only, **conditions).order_by("pk")

    def lines(self, rows: QuerySet) -> Iterator[DocumentRow]:
        """The documents of some of these rows, by id."""
        for pk, *values in rows.values_list("pk", *self.fields).iterator(chunk_size=BLOCK):
            fields = dict(zip(self.fields, values, strict=True)) | {"id": pk}
            yield pk, canonical_json({"format": self.format, "fields": fields})


_KINDS: dict[str, EvidenceKind] = {}
_EXCLUDED: dict[str, str] = {}


def register(*kinds: EvidenceKind) -> None:
    """Have these rows witnessed and verified: called by the app that owns them, when ready."""
    _KINDS.update({kind.format: kind for kind in kinds})


def exclude_from_evidence(**names: str) -> None:
    """Say by what name a model's rows are listed as not looked at (``app_Model="these rows"``);
    or, of rows that are looked at, a column (``app_Model_column``)."""
    _EXCLUDED.update({_label(each): name for each, name in names.items()})


def kinds() -> list[EvidenceKind]:
    """All that are registered."""
    return list(_KINDS.values())


def excluded_from_evidence() -> dict[str, str]:
    """By model, or model and column, what nothing witnesses."""
    return dict(_EXCLUDED)


def study_evidence(study: str, *, without: Iterable[str] = ()) -> dict[str, list]:
    """By format, all rows of a study in blocks; those formats left out that are named."""
    return {
        kind.format: [
            _block(list(lines)) for lines in batched(kind.lines(kind.of_studies(slug=study)), BLOCK)
        ]
        for kind in kinds()
        if kind.format not in set(without)
    }


def row_evidence(format: str, row: models.Model) -> dict[str, dict[str, list]]:
    """The part of an event's detail that witnesses a row just stored."""
    kind = _KINDS[format]
    [line] = kind.lines(kind.of_studies().filter(pk=row.pk))
    return {"stored": {format: [_block([line])]}}


def batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """So many at a time, and the rest."""
    iterator = iter(items)
    while some := tuple(islice(iterator, size)):
        yield some


def is_digest(recorded: str, lines: Iterable[DocumentRow]) -> bool | None:
    """Whether a digest is of these lines; None where its key isn't here."""
    name = recorded.partition(":")[0]
    key = next((key for key in settings.AUDIT_KEYS if key_name(key) == name), None)
    return (
        None
        if key is None
        else hmac.compare_digest(recorded.encode(), _digest(lines, key).encode())
    )


def _label(name: str) -> str:
    return ".".join(name.split("_", 2))


def _block(lines: list[DocumentRow]) -> list:
    """First and last id, how many, and the digest."""
    return [lines[0][0], lines[-1][0], len(lines), _digest(lines, settings.AUDIT_KEYS[0])]


def _digest(lines: Iterable[DocumentRow], key: str) -> str:
    secret = hmac.digest(key.encode(), b"readerstudy digests of rows", "sha256")
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    for _pk, document in lines:
        mac.update(f"{document}\n".encode())
    return f"{key_name(key)}:{mac.hexdigest()}"
