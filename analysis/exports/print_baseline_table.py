"""The baseline table in print: characteristics of the cohorts, and whether they differ."""

from collections.abc import Iterator
from enum import StrEnum

from analysis.exports.printed_table import (
    NOT_AVAILABLE,
    PrintedTable,
    Record,
    TableLine,
    p_text,
    print_row,
    small_print_row,
    table_rows,
)
from readerstudy.diagnosis import Etiology
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, PathologicMethod, Sex

NAMES = {
    "age": "Age, years",
    "diameter_mm": "Longitudinal diameter, mm",
    "sex": "Sex",
    "location": "Location",
    "neck_level": "Neck level",
    "pathologic_method": "Pathological diagnosis",
    "etiology": "Etiology",
}
KINDS: dict[str, type[StrEnum]] = {
    "sex": Sex,
    "location": Location,
    "neck_level": NeckLevel,
    "pathologic_method": PathologicMethod,
    "etiology": Etiology,
}


def print_baseline(document: dict) -> list[PrintedTable]:
    """One table, all cohorts side by side."""
    continuous = table_rows(document, "baseline", "continuous")
    categorical = table_rows(document, "baseline", "categorical")
    compared = {r["variable"]: r for r in table_rows(document, "baseline", "comparisons")}
    size = {r["cohort"]: r["n"] + r["missing"] for r in [*continuous, *categorical]}
    lines = [*_continuous(continuous, compared), *_categorical(categorical, compared)]
    head = tuple(("Characteristic" if not at else text, 1) for at, text in enumerate(
        ["", *(f"{cohort}\nn = {n}" for cohort, n in size.items()), "P"]))  # fmt: skip
    tests = [f"{NAMES[name]}: {r['test']}" for name, r in compared.items() if r["test"]]
    notes = (
        "Numbers are mean \N{PLUS-MINUS SIGN} SD with median (quartiles) below, or n (%) of those "
        "whose category is known. Categories that no patient is in are not shown.",
        "Tests between the cohorts. " + "; ".join(tests) + "." if tests else "Nothing is tested.",
    )
    return [PrintedTable("baseline", "Baseline characteristics", 1, (head,), tuple(lines), notes)]


def _continuous(found: list[Record], compared: dict[str, Record]) -> Iterator[TableLine]:
    for name in dict.fromkeys(r["variable"] for r in found):
        of_cohorts = [r for r in found if r["variable"] == name]
        p = p_text(compared[name]["p_value"])
        yield print_row(NAMES[name], *map(_mean, of_cohorts), p)
        yield small_print_row("", *map(_median, of_cohorts), "")


def _categorical(found: list[Record], compared: dict[str, Record]) -> Iterator[TableLine]:
    for name in dict.fromkeys(r["variable"] for r in found):
        of_variable = [r for r in found if r["variable"] == name]
        cohorts = len(dict.fromkeys(r["cohort"] for r in of_variable))
        yield print_row(NAMES[name], *[""] * cohorts, p_text(compared[name]["p_value"]))
        for category in dict.fromkeys(r["category"] for r in of_variable):
            cells = [r for r in of_variable if r["category"] == category]
            if any(cell["count"] for cell in cells):
                label = f"\N{EN SPACE}{KINDS[name](category).label}"
                yield print_row(label, *map(_share, cells), "")


def _mean(found: Record) -> str:
    if found["mean"] is None:
        return NOT_AVAILABLE
    if found["sd"] is None:
        return f"{found['mean']:.1f}"
    return f"{found['mean']:.1f} \N{PLUS-MINUS SIGN} {found['sd']:.1f}"


def _median(found: Record) -> str:
    if found["median"] is None:
        return ""
    first, median, third = (
        f"{found[name]:.1f}" for name in ("first_quartile", "median", "third_quartile")
    )
    return f"{median} ({first}\N{EN DASH}{third})"


def _share(found: Record) -> str:
    if found["share"] is None:
        return NOT_AVAILABLE
    return f"{found['count']} ({100 * found['share']:.1f})"
