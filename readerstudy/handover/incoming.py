"""A bundle's tables as rows of this site's models, every value checked; and its manifest."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db import models

from readerstudy.handover.archive import Reader, lines_of
from readerstudy.handover.cells import BadValue, from_cell, value_of
from readerstudy.handover.exporting import FORMAT, columns
from readerstudy.handover.parts import PEOPLE, TABLES, Table
from readerstudy.handover.people import COLUMNS
from readerstudy.handover.problems import Refused

MIB = 2**20
LINE_LIMIT = 16 * MIB
DOCUMENT_LIMIT = 256 * MIB
MANIFEST_LIMIT = 16 * MIB


def manifest_of(archive: Reader) -> dict[str, Any]:
    """The manifest, of a bundle that this version can import. Raises Refused."""
    try:
        manifest = json.loads(archive.read("manifest.json", limit=MANIFEST_LIMIT))
        version, code = manifest["format"], manifest["software"]["code"]
        left_out, told = manifest["left_out"], manifest["columns"]
        if not isinstance(manifest["study"]["slug"], str):
            raise TypeError(manifest["study"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("manifest.json can't be read: this is no bundle of a study.") from None
    if version != FORMAT:
        raise Refused(
            f"The bundle is of format {version!r}; this version of the software reads {FORMAT}. "
            f"Import it with the version that wrote it ({code}), and update that site."
        )
    if left_out:
        raise Refused(
            f"The bundle lacks {', '.join(map(str, left_out))}: it is for reading. Export the "
            "study again without leaving anything out."
        )
    _require_same_columns(told, code)
    missing = [t.file for t in (PEOPLE, *TABLES) if t.file not in archive]
    if missing:
        raise Refused(f"The bundle lacks {', '.join(missing)}. Get it anew.")
    return manifest


def _require_same_columns(told: Any, code: str) -> None:
    here = columns()
    if told == here:
        return
    differing = []
    if isinstance(told, dict):
        differing = sorted(name for name in {*told, *here} if told.get(name) != here.get(name))
    raise Refused(
        f"The bundle comes from another version of the software ({code}); its tables differ from "
        f"this site's: {', '.join(map(str, differing))}. Import it on a site with that version, "
        "update that site, and export the study from there."
    )


def people_of(archive: Reader) -> list[dict[str, str]]:
    """The people's rows, as text. Raises Refused."""
    return [row for _line, row in _csv_rows(archive, PEOPLE.file, list(COLUMNS))]


def rows_of(archive: Reader, table: Table) -> Iterator[tuple[int, dict[str, Any]]]:
    """A table's rows as (line, values as JSON has them). Raises Refused."""
    names = ["id", *(field.name for field in table.fields)]
    fields = {field.name: field for field in table.fields}
    found = _json_rows(archive, table.file, names) if table.nested else _csv_rows(
        archive, table.file, names
    )  # fmt: skip
    for expected, (line, row) in enumerate(found, start=1):
        if str(row["id"]) != str(expected):
            raise Refused(f"{table.file}, line {line}: the row's id is not {expected}.")
        yield line, row if table.nested else _typed(table, line, fields, row)


def _typed(
    table: Table, line: int, fields: dict[str, models.Field], row: dict[str, str]
) -> dict[str, Any]:
    """The cells of a CSV as JSON would have them."""
    return {
        name: told
        if name == "id" or name in table.endings
        else _cell(table, line, fields[name], told)
        for name, told in row.items()
    }


def value(table: Table, line: int, field: models.Field, told: Any) -> Any:
    """A column's value. Raises Refused, naming the place."""
    try:
        return value_of(field, told)
    except BadValue as bad:
        raise misplaced(table, line, field.name, str(bad)) from None


def misplaced(table: Table, line: int, column: str, message: str) -> Refused:
    """What is wrong, and where."""
    return Refused(f"{table.file}, line {line}, column {column}: {message}.")


def _cell(table: Table, line: int, field: models.Field, text: str) -> Any:
    try:
        return from_cell(field, text)
    except BadValue as bad:
        raise misplaced(table, line, field.name, str(bad)) from None


def _csv_rows(
    archive: Reader, name: str, header: list[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    with archive.open(name) as file:
        text = (_decoded(name, line) for line in lines_of(file, limit=LINE_LIMIT))
        reader = csv.reader(text, strict=True)
        try:
            if next(reader, None) != header:
                raise Refused(f"{name}: its columns are not those that the manifest says.")
            for row in reader:
                if len(row) != len(header):
                    raise Refused(f"{name}, line {reader.line_num}: not {len(header)} cells.")
                yield reader.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise Refused(f"{name}, line {reader.line_num}: {error}.") from None


def _json_rows(
    archive: Reader, name: str, names: list[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    with archive.open(name) as file:
        for number, line in enumerate(lines_of(file, limit=LINE_LIMIT), start=1):
            try:
                row = json.loads(_decoded(name, line))
            except (ValueError, RecursionError):
                raise Refused(f"{name}, line {number}: is no JSON.") from None
            if not isinstance(row, dict) or list(row) != names:
                raise Refused(f"{name}, line {number}: its columns are not the manifest's.")
            yield number, row


def _decoded(name: str, line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Refused(f"{name}: is no UTF-8 text.") from None
