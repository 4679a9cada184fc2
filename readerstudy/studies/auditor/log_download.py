"""The log as a file, written while it is sent: CSV for a spreadsheet, JSON lines to verify."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from readerstudy.audit.canonical import canonical_json, to_plain
from readerstudy.audit.models import AuditEvent
from readerstudy.studies.auditor.events import detail_json

COLUMNS = [field.attname for field in AuditEvent._meta.concrete_fields]
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}


class _LineBuffer:
    """A file for the csv module, whose ``write`` hands back what it was given."""

    def write(self, text: str) -> str:
        return text


def file_lines(events: Iterable[AuditEvent], format: str) -> Iterator[str]:
    """The file, a line at a time."""
    if format == "csv":
        writer = csv.writer(_LineBuffer())
        yield writer.writerow(COLUMNS)
        for event in events:
            yield writer.writerow([_cell(event, name) for name in COLUMNS])
    else:
        for event in events:
            yield canonical_json({name: getattr(event, name) for name in COLUMNS}) + "\n"


def _cell(event: AuditEvent, name: str) -> Any:
    """Text that a spreadsheet would take for a formula is quoted: a refused name may be one."""
    value = detail_json(event) if name == "detail" else to_plain(getattr(event, name))
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else value
