"""A bundle's tables as rows of this site's models, every value checked; and its manifest."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db import models

from readerstudy.exchange.bundles.archive import BundleReader, lines_of
from readerstudy.exchange.bundles.cell_values import BadValue, clean_value, csv_to_json
from readerstudy.exchange.bundles.study_export import FORMAT, column_names
from readerstudy.exchange.bundles.study_models import PEOPLE, TABLES, BundleTable
from readerstudy.exchange.bundles.user_pseudonyms import COLUMNS
from readerstudy.exchange.errors import ExchangeError

MIB = 2**20
LINE_LIMIT = 16 * MIB
DOCUMENT_LIMIT = 256 * MIB
MANIFEST_LIMIT = 16 * MIB


def manifest_of(archive: BundleReader) -> dict[str, Any]:
    """The manifest, of a bundle that this version can import. Raises ExchangeError."""
    try:
        manifest = json.loads(archive.read("manifest.json", limit=MANIFEST_LIMIT))
        version, code = manifest["format"], manifest["software"]["code"]
        left_out, given = manifest["left_out"], manifest["columns"]
        if not isinstance(manifest["study"]["slug"], str):
            raise TypeError(manifest["study"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ExchangeError("manifest.json can't be read: this is not a study bundle.") from None
    if version != FORMAT:
        raise ExchangeError(
            f"The bundle has format {version!r}, but this version of the software reads "
            f"{FORMAT}. Import it with the version that wrote it ({code}), then update that "
            "site."
        )
    if left_out:
        raise ExchangeError(
            f"The bundle lacks {', '.join(map(str, left_out))}, so it can only be read, not "
            "imported. Export the study again without leaving anything out."
        )
    _require_same_columns(given, code)
    expected = [t for t in (PEOPLE, *TABLES) if t.name in given]
    missing = [t.file for t in expected if t.file not in archive]
    if missing:
        raise ExchangeError(f"The bundle lacks {', '.join(missing)}. Get a new copy.")
    return manifest


def _require_same_columns(given: Any, code: str) -> None:
    here = column_names()
    if isinstance(given, dict):  # one of an earlier release
        lacking = {t.name for t in TABLES if t.optional and t.name not in given}
        here = {name: columns for name, columns in here.items() if name not in lacking}
    if given == here:
        return
    differing = []
    if isinstance(given, dict):
        differing = sorted(name for name in {*given, *here} if given.get(name) != here.get(name))
    raise ExchangeError(
        f"The bundle comes from another version of the software ({code}); its tables differ from "
        f"this site's: {', '.join(map(str, differing))}. Import it on a site with that version, "
        "update that site, and export the study from there."
    )


def people_of(archive: BundleReader) -> list[dict[str, str]]:
    """The people's rows, as text. Raises ExchangeError."""
    return [row for _line, row in _csv_rows(archive, PEOPLE.file, list(COLUMNS))]


def rows_of(archive: BundleReader, table: BundleTable) -> Iterator[tuple[int, dict[str, Any]]]:
    """A table's rows as (line, values as JSON has them). Raises ExchangeError."""
    if table.optional and table.file not in archive:
        return
    names = ["id", *(field.name for field in table.fields)]
    fields = {field.name: field for field in table.fields}
    found = _json_rows(archive, table.file, names) if table.nested else _csv_rows(
        archive, table.file, names
    )  # fmt: skip
    for expected, (line, row) in enumerate(found, start=1):
        if str(row["id"]) != str(expected):
            raise ExchangeError(f"{table.file}, line {line}: the row's id must be {expected}.")
        yield line, row if table.nested else _typed(table, line, fields, row)


def _typed(
    table: BundleTable, line: int, fields: dict[str, models.Field], row: dict[str, str]
) -> dict[str, Any]:
    """The cells of a CSV as JSON would have them."""
    return {
        name: given
        if name == "id" or name in table.endings
        else _cell(table, line, fields[name], given)
        for name, given in row.items()
    }


def column_value(table: BundleTable, line: int, field: models.Field, given: Any) -> Any:
    """A column's value. Raises ExchangeError, naming the place."""
    try:
        return clean_value(field, given)
    except BadValue as bad:
        raise misplaced_value(table, line, field.name, str(bad)) from None


def misplaced_value(table: BundleTable, line: int, column: str, message: str) -> ExchangeError:
    """What is wrong, and where."""
    return ExchangeError(f"{table.file}, line {line}, column {column}: {message}.")


def _cell(table: BundleTable, line: int, field: models.Field, text: str) -> Any:
    try:
        return csv_to_json(field, text)
    except BadValue as bad:
        raise misplaced_value(table, line, field.name, str(bad)) from None


def _csv_rows(
    archive: BundleReader, name: str, header: list[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    with archive.open(name) as file:
        text = (_decoded(name, line) for line in lines_of(file, limit=LINE_LIMIT))
        reader = csv.reader(text, strict=True)
        try:
            if next(reader, None) != header:
                raise ExchangeError(f"{name}: the columns differ from those in the manifest.")
            for row in reader:
                if len(row) != len(header):
                    raise ExchangeError(
                        f"{name}, line {reader.line_num}: the line must have {len(header)} cells."
                    )
                yield reader.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise ExchangeError(f"{name}, line {reader.line_num}: {error}.") from None


def _json_rows(
    archive: BundleReader, name: str, names: list[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    with archive.open(name) as file:
        for number, line in enumerate(lines_of(file, limit=LINE_LIMIT), start=1):
            try:
                row = json.loads(_decoded(name, line))
            except (ValueError, RecursionError):
                raise ExchangeError(f"{name}, line {number}: the line is not JSON.") from None
            if not isinstance(row, dict) or list(row) != names:
                raise ExchangeError(
                    f"{name}, line {number}: the columns differ from those in the manifest."
                )
            yield number, row


def _decoded(name: str, line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ExchangeError(f"{name}: the file is not UTF-8 text.") from None
