"""The published study's page: what the paper prints beside what a run of it here found."""

from collections.abc import Iterable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analysis.access import done_run_of, member_view
from readerstudy.audit.log import record
from readerstudy.cohorts.models import Study
from readerstudy.cohorts.roles import Action
from readerstudy.demo.apps import PUBLISHED

TITLES = {
    1: "Table 1. Sub-models and CLA-HDM",
    2: "Table 2. Readers without and with AI",
    3: "Table 3. Experience groups without and with AI",
}


@require_GET
@member_view(Action.SEE_RESULTS)
def paper(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """Every figure of the paper's tables beside the run's; 404 for any other study."""
    run = done_run_of(study, number)
    if study.slug != PUBLISHED:
        raise Http404
    # Not at the top: this brings in the statistics, which no other page of the site needs.
    from readerstudy.demo.published import tally
    from readerstudy.demo.published_study import beside_print

    try:
        figures = beside_print(run)
    except KeyError:
        raise Http404 from None  # its plan left out one of the tables
    record("results.view", request=request, study=study.slug, target=f"{run}, beside the paper")
    context = {
        "study": study,
        "run": run,
        "tally": tally(figures),
        "tables": [_table(number, figures) for number in TITLES],
        "remarks": _remarks(figures),
    }
    return render(request, "demo/paper.html", context)


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
