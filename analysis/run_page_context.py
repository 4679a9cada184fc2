"""A run's results as its page shows them: picked from the stored document, nothing computed."""

from collections.abc import Iterator
from typing import Any

from django.core.paginator import Paginator

from analysis import charts, figures
from analysis.exports.printed_sections import printed_section
from analysis.exports.published_layouts import has_one_vs_rest_tests, table2_cells
from analysis.exports.table_files import table_files
from analysis.results_document import records, section

READERS_SHOWN = 30  # on one page; the files have all
ROWS_SHOWN = 100  # of a table that has no layout of its own
FIGURES_OPEN = 2  # the others are drawn once somebody opens them
FORMAT_NAMES = {"csv": "CSV", "xlsx": "XLSX", "tex": "LaTeX"}
DATA_FILES = (
    ("readings.csv", "One row per reading, with reference standard and the model's decision"),
    ("cases.csv", "One row per patient, with the model's probabilities"),
    ("conduct.csv", "How each reading was done: confidence, ratings, time, AI output shown"),
    ("dictionary.csv", "Explains every column of these three files"),
    ("mrmcaov.csv", "For MRMCaov (R)"),
    ("rjafroc.xlsx", "For RJafroc (R); only fully crossed readings"),
    ("imrmc.imrmc", "For iMRMC"),
    ("reckoning.csv", "Number of readings in each file, and what happened to the others"),
)
AS_PRINTED = ("baseline", "table1", "table2", "table3")
OPEN = {"table1", "table2", "table3"}
LAID_OUT = {"primary", *AS_PRINTED}
FOR_FIGURES = {("roc", "curves"), ("confusion", "counts")}
TESTS = [
    (question, unit)
    for question in ("reader vs model", "with vs without AI")
    for unit in (("patients", "share right"), ("one-vs-rest cells", "micro-averaged accuracy"))
]

Record = dict[str, Any]


def page_count(results: dict) -> int:
    """How many pages the run's page has, for as many readers."""
    return Paginator(results["data"]["readers"], READERS_SHOWN).num_pages


def page_of(results: dict, *, readers_page: int) -> dict[str, Any]:
    """The context of a run's page.

    ``printed`` are the tables as published; ``cohorts`` are the numbers of tables 2 and 3 cohort
    by cohort, ``permutations`` the tests of table 3; ``others`` are the remaining sections.
    Readers are shown a page at a time.
    """
    codes = [reader["code"] for reader in results["data"]["readers"]]
    readers = Paginator(codes, READERS_SHOWN).get_page(readers_page)
    left_out = set(codes) - set(readers.object_list)
    return {
        "results": results,
        "primary": _primary(results),
        "planned": [each["title"] for each in results["sections"] if each["planned"]],
        "readers": readers,
        "printed": list(_printed(results, left_out)),
        "cohorts": _cohorts(results, left_out),
        "permutations": list(_records(results, "table3", "tests", left_out)),
        "others": [
            _other(results, each, left_out)
            for each in results["sections"]
            if each["name"] not in LAID_OUT
        ],
        "figures": [
            {
                "offer": offer,
                "open": not offer.reason and place < FIGURES_OPEN,
                "chart": offer.kind in charts.CHARTS,
            }
            for place, offer in enumerate(figures.offered(results))
        ],
        "formats": figures.FORMATS,
        "sections": [_with_files(results, each) for each in results["sections"]],
        "data_files": DATA_FILES,
    }


def _records(results: dict, name: str, table: str, left_out: set[str]) -> Iterator[Record]:
    """The rows of a table by column, without those of the readers left out."""
    if found := section(results, name):
        rows = records(found["tables"][table])
        yield from (row for row in rows if row["subject"] not in left_out)


def _printed(results: dict, left_out: set[str]) -> Iterator[dict]:
    """The sections that are laid out as published, in that order, with their tables."""
    shown = _without(results, left_out)
    for name in AS_PRINTED:
        if found := section(shown, name):
            yield _with_files(results, found) | {
                "name": name,
                "planned": found["planned"],
                "open": name in OPEN,
                "tables": [t for t in printed_section(shown, found) if t.name == name],
                "cells": table2_cells(shown)
                if name == "table2" and has_one_vs_rest_tests(shown)
                else [],
            }


def _without(results: dict, left_out: set[str]) -> dict:
    """The document without the readers left out."""
    if not left_out:
        return results
    return results | {"sections": [_fewer(each, left_out) for each in results["sections"]]}


def _fewer(found: dict, left_out: set[str]) -> dict:
    if found["name"] not in AS_PRINTED:
        return found
    return found | {
        "tables": {name: _of_others(t, left_out) for name, t in found["tables"].items()}
    }


def _of_others(table: dict, left_out: set[str]) -> dict:
    """A table without the rows of these subjects."""
    columns, rows = table["columns"], table["rows"]
    if "subject" not in columns:
        return table
    subject = columns.index("subject")
    return {"columns": columns, "rows": [row for row in rows if row[subject] not in left_out]}


def _primary(results: dict) -> dict | None:
    """The primary endpoint's test and its arms."""
    found = section(results, "primary")
    if found is None:
        return None
    [test] = records(found["tables"]["tests"])
    arms = [row for row in records(found["tables"]["metrics"]) if row["metric"] == test["metric"]]
    return {"planned": found["planned"], "test": test, "arms": arms}


def _cohorts(results: dict, left_out: set[str]) -> list[dict]:
    """Per cohort, a line a subject: both stages' metrics and, for readers, McNemar's p-values."""
    cohorts: dict[str, dict[str, dict]] = {}
    for name in ("table2", "table3"):
        for row in _records(results, name, "metrics", left_out):
            lines = cohorts.setdefault(row["cohort"], {})
            line = lines.setdefault(row["subject"], {"subject": row["subject"]})
            line["kind"] = row["kind"]
            stage = line.setdefault("aided" if row["stage"] == "with AI" else "unaided", {})
            stage[row["metric"].removeprefix("micro-averaged ")] = row
    tests = {
        (row["cohort"], row["subject"], row["question"], (row["unit"], row["metric"])): row
        for row in _records(results, "table2", "tests", left_out)
    }
    for name, lines in cohorts.items():
        for subject, line in lines.items():
            line["tests"] = [tests.get((name, subject, *test_key)) for test_key in TESTS]
    return [{"name": name, "lines": list(lines.values())} for name, lines in cohorts.items()]


def _with_files(results: dict, found: dict) -> dict:
    """A section's title, and its files as links name them."""
    files = []
    for file in table_files(results, found["name"]):
        name, _, format = file.rpartition(".")
        about = name.removeprefix(found["name"]).removeprefix("-")
        label = FORMAT_NAMES[format] + (f", {about}" if about else "")
        files.append({"name": name, "format": format, "label": label})
    return {"title": found["title"], "files": files}


def _other(results: dict, found: dict, left_out: set[str]) -> dict:
    """A section whose tables are shown as they are."""
    return _with_files(results, found) | {
        "name": found["name"],
        "planned": found["planned"],
        "tables": [
            _shown(name, table, left_out)
            for name, table in sorted(found["tables"].items())
            if (found["name"], name) not in FOR_FIGURES
        ],
    }


def _shown(name: str, table: dict, left_out: set[str]) -> dict:
    """A table without the readers left out, cut if long. What is one for all rows is told once,
    and columns that hold nothing are left out."""
    columns, rows = table["columns"], _of_others(table, left_out)["rows"]
    shown = rows[:ROWS_SHOWN]
    kept, constants = [], []
    for at, column in enumerate(columns):
        values = {row[at] for row in shown}
        if values - {None, ""} and (len(values) > 1 or len(shown) == 1):
            kept.append(at)
        elif values - {None, ""}:
            constants.append((column, *values))
    return {
        "name": name,
        "columns": [columns[at] for at in kept],
        "rows": [[row[at] for at in kept] for row in shown],
        "constants": constants,
        "total": len(rows),
    }
