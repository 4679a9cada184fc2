"""One value of a row as the bundle writes it, and back without loss.

In a CSV every cell is text, and null is an empty cell; a table whose text may be null, or that
holds JSON, is written as JSON lines instead (``study_models.BundleTable.nested``). Numbers keep
every digit, times are ISO 8601 in UTC.
"""

import json
import math
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models

# A spreadsheet would take these for a formula. The sign in front is taken off again.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_WORDS = {"true": True, "false": False}


class BadValue(ValueError):
    """A value that the column can't have; the message says why."""


def to_json(field: models.Field, value: Any) -> Any:
    """The value as JSON has it."""
    if value is None or isinstance(value, bool | int | float | dict | list):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(field, models.JSONField):
        return value
    return str(value)


def to_csv(field: models.Field, value: Any) -> str:
    """The value as a CSV has it."""
    json_value = to_json(field, value)
    if json_value is None:
        return ""
    if isinstance(json_value, bool):
        return "true" if json_value else "false"
    if isinstance(json_value, float):
        return repr(json_value)
    text = str(json_value)
    is_text = isinstance(field, models.CharField | models.TextField)
    return f"'{text}" if is_text and text.startswith(_FORMULA) else text


def csv_to_json(field: models.Field, text: str) -> Any:
    """What ``to_json`` had of the cell. Raises BadValue."""
    if isinstance(field, models.CharField | models.TextField):
        return text[1:] if text.startswith("'") else text
    if text == "":
        return None
    try:
        if isinstance(field, models.BooleanField):
            return _WORDS[text]
        if isinstance(field, models.IntegerField | models.ForeignKey):
            return int(text)
        if isinstance(field, models.FloatField):
            return float(text)
    except (KeyError, ValueError):
        raise BadValue(f"{text[:40]!r} is not a valid value for this column") from None
    return text


def clean_value(field: models.Field, given: Any) -> Any:
    """The column's value, checked as a form would check it. Raises BadValue."""
    if given is None:
        if not field.null:
            raise BadValue("must not be empty")
        return None
    value = _parsed(field, given)
    if value in field.empty_values:
        return value
    try:
        return field.clean(value, None)
    except (ValidationError, TypeError, ValueError, OverflowError) as error:
        messages = getattr(error, "messages", [str(error)])
        raise BadValue("; ".join(messages)) from None


def _parsed(field: models.Field, given: Any) -> Any:
    wanted: tuple[tuple[type[models.Field], Any], ...] = (
        (models.JSONField, _json),
        (models.DateTimeField, lambda text: _aware(datetime.fromisoformat(text))),
        (models.DateField, date.fromisoformat),
        (models.UUIDField, UUID),
        (models.BooleanField, lambda value: _exactly(bool, value)),
        (models.IntegerField, lambda value: _exactly(int, value)),
        (models.FloatField, _finite),
        (models.CharField, _text),
        (models.TextField, _text),
        (models.GenericIPAddressField, _text),
    )
    for kind, parse in wanted:
        if isinstance(field, kind):
            try:
                return parse(given)
            except (TypeError, ValueError, AttributeError):
                raise BadValue(
                    f"{str(given)[:40]!r} is not a valid value for this column"
                ) from None
    raise BadValue(f"a column of the kind {type(field).__name__} is not known to the bundle")


def _json(given: Any) -> Any:
    if "\\u0000" in json.dumps(given):
        raise ValueError(given)
    return given


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(moment)
    return moment


def _exactly(kind: type, given: Any) -> Any:
    if type(given) is not kind:
        raise TypeError(given)
    return given


def _finite(given: Any) -> float:
    number = float(given) if type(given) in (int, float) else math.nan
    if not math.isfinite(number):
        raise ValueError(given)
    return number


def _text(given: Any) -> str:
    if not isinstance(given, str) or "\x00" in given:
        raise TypeError(given)
    return given
