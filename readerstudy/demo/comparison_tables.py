"""Set the paper's tables beside a run's. Only workers import this: it brings the statistics in."""

from collections.abc import Iterable

from django.template.loader import render_to_string

from analysis.models import AnalysisRun
from readerstudy.demo.published import tally
from readerstudy.demo.published_study import compare_with_print

TITLES = {
    1: "Table 1. Sub-models and CLA-HDM",
    2: "Table 2. Readers without and with AI",
    3: "Table 3. Experience groups without and with AI",
}


def render_comparison(run: AnalysisRun) -> str:
    """Every figure of the paper's tables beside the run's, as HTML."""
    figures = compare_with_print(run)
    context = {
        "tally": tally(figures),
        "tables": [_table(number, figures) for number in TITLES],
        "remarks": _remarks(figures),
    }
    return render_to_string("demo/paper_tables.html", context)


def _remarks(figures: Iterable) -> dict[str, list[str]]:
    """Each remark with the figures that it is on."""
    remarks: dict[str, list[str]] = {}
    for figure in figures:
        if figure.remark:
            where = f"Table {figure.table}, {figure.subject}, {figure.cohort}: {figure.name}"
            remarks.setdefault(figure.remark, []).append(where)
    return remarks


def _table(number: int, figures: Iterable) -> dict:
    """A line for each subject and cohort, kind by kind: shares, marks, p-values."""
    kinds: dict[str, dict] = {}
    for figure in figures:
        if figure.table == number:
            shares = ("areas", "percentages")
            kind = " and ".join(shares[number > 1 :]) if figure.kind in shares else figure.kind
            lines = kinds.setdefault(kind, {})
            lines.setdefault((figure.subject, figure.cohort), []).append(figure)
    return {
        "title": TITLES[number],
        "parts": [
            {"names": _columns(lines.values()), "lines": _lines(lines), "kind": kind}
            for kind, lines in kinds.items()
        ],
    }


def _columns(lines: Iterable[list]) -> list[str]:
    """The names of the longest line: not every subject has every figure."""
    return [figure.name for figure in max(lines, key=len)]


def _lines(lines: dict[tuple[str, str], list]) -> list[dict]:
    names = _columns(lines.values())
    return [
        {
            "subject": subject,
            "cohort": cohort,
            "cells": [next((f for f in found if f.name == name), None) for name in names],
        }
        for (subject, cohort), found in lines.items()
    ]
