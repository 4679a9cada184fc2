"""Any table of the document in print, for those without a layout of their own."""

import textwrap
from collections.abc import Callable
from typing import Any

from analysis.exports.printed_table import PrintedTable, Record, limits_text, p_text, print_row
from analysis.results_document import records

ALL_COHORTS = "All cohorts"
HEAD_WIDTH = 14  # characters
IDENTIFIERS = {"metric", "role"}  # their values are words of the program
MINUS = "\N{MINUS SIGN}"
Column = tuple[str, Callable[[Record], str]]


def default_table(section: dict, name: str, *, most: int | None = None) -> PrintedTable | None:
    """Table ``name`` of a section; of all cohorts together, where it has them so.

    ``most``: how many rows are printed at most. None if there are no rows.
    """
    found = list(records(section["tables"][name]))
    if any(each.get("cohort") == ALL_COHORTS for each in found):
        found = [each for each in found if each["cohort"] == ALL_COHORTS]
    if not found:
        return None
    columns = [column for column in _columns(found[0]) if any(map(column[1], found))]
    if len({each.get("cohort") for each in found}) > 1:
        columns.insert(0, _as_it_is("cohort"))
    if most is not None and len(found) > most:  # readers are left out before groups are
        found.sort(key=lambda each: each.get("kind") == "reader")
    shown = found[:most]
    notes = [*_constant_notes(shown)]
    if len(shown) < len(found):
        notes.append(f"The first {most} of {len(found)} rows; the workbook has all.")
    return PrintedTable(
        name=f"{section['name']}-{name}",
        title=f"{section['title']}: {name}{_where(shown)}",
        stubs=_words_first(columns, shown),
        head=(tuple((textwrap.fill(title, HEAD_WIDTH), 1) for title, _ in columns),),
        lines=tuple(print_row(*(tell(each) for _, tell in columns)) for each in shown),
        notes=tuple(notes),
    )


def _columns(sample: Record) -> list[Column]:
    if "question" in sample:
        return [
            *map(_as_it_is, ("question", "subject", "against", "metric", "n")),
            _number("difference"),
            ("Limits", lambda each: limits_text(each, digits=3, times=1)),
            ("P", lambda each: p_text(each["p_value"]) if each["n"] else ""),
            ("P, adjusted", _p_adjusted),
        ]
    if "value" in sample and "low" in sample:
        return [
            *map(_as_it_is, ("subject", "stage", "metric", "n", "count")),
            _number("value"),
            ("Limits", lambda each: limits_text(each, digits=3, times=1)),
        ]
    return [_as_it_is(name) for name in sample if name not in ("cohort", "reason")]


def _as_it_is(name: str) -> Column:
    def tell(each: Record) -> str:
        text = _text(each[name])
        return text.replace("_", " ") if name in IDENTIFIERS else text

    return name.replace("_", " ").capitalize(), tell


def _number(name: str) -> Column:
    return name.capitalize(), lambda each: _text(each[name])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.3f}" if abs(value) >= 0.01 or not value else f"{value:.2g}"
    return text.replace("-", MINUS)


def _p_adjusted(each: Record) -> str:
    return "" if each["p_adjusted"] is None else p_text(each["p_adjusted"])


def _words_first(columns: list[Column], shown: list[Record]) -> int:
    """How many columns at the left hold words."""
    for place, (_, tell) in enumerate(columns):
        if any(_is_number(tell(each)) for each in shown):
            return place
    return len(columns)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace(MINUS, "", 1).isdigit()


def _where(shown: list[Record]) -> str:
    cohorts = {each.get("cohort") for each in shown}
    return f", {ALL_COHORTS}" if cohorts == {ALL_COHORTS} else ""


def _constant_notes(shown: list[Record]) -> list[str]:
    """Methods and reasons, each once."""
    notes = []
    for column, title in (("test", "Test"), ("interval", "Intervals"), ("reason", "Not available")):
        values = dict.fromkeys(each[column] for each in shown if each.get(column))
        if values:
            notes.append(f"{title}: {'; '.join(values)}.".replace("..", "."))
    return notes
