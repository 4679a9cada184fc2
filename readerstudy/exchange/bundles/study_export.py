"""Export a study as a bundle that explains itself, and that another site can import.

The same content makes the same bytes: rows are numbered anew, in the order in which they came into
being, and neither the hour of the export nor anything of this site is written in it.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.db import models

from analysis import canonical, software
from readerstudy.audit.log import record
from readerstudy.code_version import code_version
from readerstudy.exchange.bundles import results_files
from readerstudy.exchange.bundles.archive import BundleWriter
from readerstudy.exchange.bundles.cell_values import to_csv, to_json
from readerstudy.exchange.bundles.data_dictionary import dictionary
from readerstudy.exchange.bundles.readme import readme
from readerstudy.exchange.bundles.study_models import (
    EXPORTED,
    PEOPLE,
    RECORDS,
    TABLES,
    BundleRecord,
    BundleTable,
)
from readerstudy.exchange.bundles.user_pseudonyms import COLUMNS, People, referred_keys
from readerstudy.exchange.errors import ExchangeError
from readerstudy.exchange.read_snapshot import consistent_read
from readerstudy.studies.models import Study

FORMAT = 1
CHUNK = 2000


@dataclass(frozen=True)
class ExportOptions:
    """What goes into a bundle, where there is a choice.

    ``with_truth`` before the unblinding also exports what is sealed: the reference standards, the
    diagnoses and how they came about.
    """

    with_images: bool = True
    with_truth: bool = False
    with_names: bool = False


DEFAULT = ExportOptions()


def export_study(
    study: Study, destination: Path, *, options: ExportOptions = DEFAULT, by: str, progress=iter
) -> str:
    """Write a study's bundle to a new file, readable by its owner alone; the file's SHA-256.

    Raises ExchangeError where the file is there already, or a stored file is missing or was
    changed.
    """
    with _new_file(destination) as file:
        with consistent_read(), BundleWriter(file) as writer:
            study = Study.objects.get(pk=study.pk)
            _StudyExport(study, options, writer).write(progress=progress)
        digest = _digest(file)
    detail = {"sha256": digest, **vars(options)}
    record(EXPORTED, actor=by, study=study.slug, target=destination.name, detail=detail)
    return digest


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears whole, or not at all."""
    if path.exists():
        raise ExchangeError(f"{path} already exists. Nothing was written. Choose a new file name.")
    part = path.with_name(f".{path.name}.part")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ExchangeError(
            f"{part} can't be written: {error.strerror}. Choose another place."
        ) from error
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


class _StudyExport:
    """One export under way."""

    def __init__(self, study: Study, options: ExportOptions, writer: BundleWriter):
        self._study, self._options, self._writer = study, options, writer
        self._sealed = not (study.is_unsealed or options.with_truth)
        self._people = People(study, named=options.with_names)
        self._numbers = self._number()
        self._counts: dict[str, int] = {}

    def write(self, *, progress) -> None:
        """Everything but the checksums."""
        self._write_people()
        for table in progress(TABLES):
            if not (table.sealed and self._sealed):
                self._write_table(table)
        for each in RECORDS:
            self._write_record(each)
        if self._study.is_unsealed:
            for name, content in results_files.iter_results_files(self._study):
                self._writer.add(name, content)
        manifest = self._manifest()
        self._writer.add("data-dictionary.csv", dictionary())
        self._writer.add("manifest.json", canonical.to_json(manifest, indent=1) + "\n")
        self._writer.add("README.txt", readme(self._study, manifest))

    def _number(self) -> dict[type[models.Model], dict[int, int]]:
        """By model that others refer to, and key: the number that a row has in the bundle."""
        numbers = {PEOPLE.model: self._people.numbers}
        wanted = {field.related_model for table in TABLES for field in table.references()}
        for table in TABLES:
            if table.model in wanted:
                numbers[table.model] = {pk: n for n, pk in enumerate(self._keys(table), start=1)}
        return numbers

    def _keys(self, table: BundleTable) -> Iterator[int]:
        if not table.study:
            return iter(dict.fromkeys(referred_keys(self._study, table)))
        return table.rows(self._study).values_list("pk", flat=True).iterator(chunk_size=CHUNK)

    def _rows(self, table: BundleTable) -> Iterator[tuple[int, models.Model]]:
        """The table's rows with their numbers."""
        if table.study:
            rows = table.rows(self._study).iterator(chunk_size=CHUNK)
            yield from enumerate(rows, start=1)
        else:
            for pk, number in self._numbers[table.model].items():
                yield number, table.model._base_manager.get(pk=pk)

    def _write_people(self) -> None:
        with self._csv(PEOPLE.file, COLUMNS) as line:
            for row in self._people.rows():
                line(row)
        self._counts[PEOPLE.name] = len(self._people.users)

    def _write_table(self, table: BundleTable) -> None:
        names = ["id", *(field.name for field in table.fields)]
        with self._lines(table, names) as line:
            number = 0
            for number, row in self._rows(table):
                line({"id": number} | self._column_values(table, number, row))
        self._counts[table.name] = number
        if table.endings:
            for number, row in self._rows(table):
                self._write_files(table, number, row)

    def _column_values(self, table: BundleTable, number: int, row: models.Model) -> dict[str, Any]:
        return {field.name: self._value(table, field, number, row) for field in table.fields}

    def _value(
        self, table: BundleTable, field: models.Field, number: int, row: models.Model
    ) -> Any:
        value = getattr(row, field.attname)
        if field.name in table.endings:
            return _file_name(table, field, number, value) if value else ""
        if isinstance(field, models.ForeignKey):
            return None if value is None else self._numbers[field.related_model][value]
        if field.name in table.usernames:
            return self._people.name(value)
        return value

    def _write_files(self, table: BundleTable, number: int, row: models.Model) -> None:
        for field in table.fields:
            value = getattr(row, field.attname)
            if field.name not in table.endings or not value:
                continue
            name = _file_name(table, field, number, value)
            if not isinstance(field, models.FileField):
                self._writer.add(name, value if isinstance(value, str) else bytes(value))
            elif self._options.with_images or table.name != "images":
                self._copy(name, row, value)

    def _copy(self, name: str, row: models.Model, stored) -> None:
        try:
            source = stored.open("rb")
        except OSError as error:
            raise ExchangeError(
                f"The file of {row} is missing ({stored.name}). Restore it from a backup."
            ) from error
        with source:
            digest = self._writer.add_from(name, source)
        if digest != row.sha256:
            raise ExchangeError(
                f"The file of {row} was changed on disk ({stored.name}): its SHA-256 differs "
                "from the stored one. Restore it from a backup."
            )

    def _write_record(self, each: BundleRecord) -> None:
        count = 0
        with self._writer.file(each.file) as file:
            for row in each.rows(self._study).iterator(chunk_size=CHUNK):
                file.write(_json_line(self._record(each, row)))
                count += 1
        self._counts[each.name] = count

    def _record(self, each: BundleRecord, row: models.Model) -> dict[str, Any]:
        """A row as the origin has it, its own key and numbers included; people as chosen."""
        values = {}
        for field in row._meta.concrete_fields:
            value = to_json(field, getattr(row, field.attname))
            if isinstance(field, models.ForeignKey) and field.related_model is PEOPLE.model:
                value = value and self._people.numbers.get(value)
            elif isinstance(field, models.GenericIPAddressField) and not self._people.named:
                value = None
            elif field.name in each.usernames:
                value = self._people.name(value)
            elif isinstance(value, str | dict | list):
                value = self._people.scrubbed(value)
            values[field.attname] = value
        return values

    def _manifest(self) -> dict[str, Any]:
        """What the bundle is, and all that an import wants to know of it."""
        left_out = [
            *(table.name for table in TABLES if table.sealed and self._sealed),
            *(["image files"] if not self._options.with_images else []),
        ]
        return {
            "format": FORMAT,
            "study": {
                name: to_json(field, getattr(self._study, name))
                for name in ("slug", "title", "state", "is_synthetic", "notice")
                for field in [Study._meta.get_field(name)]
            },
            "left_out": left_out,
            "named": self._options.with_names,
            "rows": self._counts,
            "columns": column_names(),
            "software": {"code": code_version()} | software.libraries(),
        }

    @contextmanager
    def _lines(self, table: BundleTable, names: list[str]):
        """Writes rows, given by column, as the table's file has them."""
        fields = {field.name: field for field in table.fields}
        if table.nested:
            with self._writer.file(table.file) as file:
                yield lambda row: file.write(
                    _json_line({n: to_json(fields.get(n), v) for n, v in row.items()})
                )
            return
        with self._csv(table.file, names) as line:
            yield lambda row: line([to_csv(fields.get(name), row[name]) for name in names])

    @contextmanager
    def _csv(self, name: str, header):
        with self._writer.file(name) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(header)
            yield writer.writerow
            text.detach()


def column_names() -> dict[str, list[str]]:
    """By table: its columns, as this version of the software has them."""
    own = {table.name: ["id", *(field.name for field in table.fields)] for table in TABLES}
    return {PEOPLE.name: list(COLUMNS)} | own


def _file_name(table: BundleTable, field: models.Field, number: int, value: Any) -> str:
    """Where in the bundle a row's file lies."""
    ending = table.endings[field.name]
    if isinstance(field, models.FileField):
        ending = Path(value.name).suffix.lstrip(".")
    alone = len(table.endings) == 1
    return f"{table.name}/{number}{'' if alone else f'-{field.name}'}.{ending}"


def _json_line(row: dict[str, Any]) -> bytes:
    """Columns in their order; keys inside a value sorted, since PostgreSQL keeps no order."""
    document = {name: json.loads(json.dumps(value, sort_keys=True)) for name, value in row.items()}
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode()
