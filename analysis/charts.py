"""What the page draws of a figure to be explored: the same numbers, as JSON.

Each chart stands for the figure of the same name, and takes from the document what that figure
takes (``analysis.figures``), so that the two can't disagree::

    title    the figure's
    notes    what stands at the figure's foot
    axes     what is said at both: [across, up]
    panels   title, curves, points, and enlarged, the part that is drawn twice: title, across
             and up, from where to where; or null

A curve has a name, ``key`` (an etiology's value, or nothing for all of them together), ``area``,
which says its AUC, and ``corners``: [1 - specificity, sensitivity, threshold] each, the threshold
null where no cell is called positive. A point has ``subject``, ``group`` and ``stage``, both empty
for the model, ``at`` ([1 - specificity, sensitivity]), ``n`` and ``said``, which says all that in
lines. A reader's point without AI comes right before the one with it.
"""

from collections.abc import Callable
from typing import Any

from analysis import figures
from analysis.figures import roc, roc_by_class
from analysis.figures.document_data import MODEL, STAGES, interval, percent, short_cohort_name
from analysis.figures.roc_data import Curve
from analysis.figures.theme import MINUS
from readerstudy.diagnosis import Etiology

Chart = dict[str, Any]


def chart(name: str, document: dict) -> Chart:
    """The chart of this name.

    Raises KeyError for a name that is no chart's, else NotAvailable, as the figure would.
    """
    figure, title, chosen = figures.find(name, document)
    found = CHARTS[figure.NAME](document, **chosen)
    return {"title": title, "notes": [note for note in figure.notes(document) if note], **found}


def _roc(document: dict, *, cohort: str) -> Chart:
    """The micro-averaged curve, and readers without and with AI."""
    points = roc.operating_points(document, cohort)
    part = roc.zoom_around(points)
    return {
        "axes": [f"1 {MINUS} specificity, micro-averaged", "Sensitivity, micro-averaged"],
        "panels": [
            {
                "title": f"{short_cohort_name(cohort)}, n = {points.n_patients} patients",
                "curves": [_curve(MODEL, "", roc.micro(document, cohort))],
                "points": _points(points),
                "enlarged": part
                and {"title": part.title, "across": list(part.across), "up": list(part.up)},
            }
        ],
    }


def _etiologies(document: dict) -> Chart:
    """A panel for each cohort, a curve for each etiology."""
    return {
        "axes": [f"1 {MINUS} specificity", "Sensitivity"],
        "panels": [
            {
                "title": (
                    f"{short_cohort_name(cohort)}, n = {roc_by_class.n_patients(curves)} patients"
                ),
                "curves": [
                    _curve(Etiology(key).label, key, curve) for key, curve in curves.items()
                ],
                "points": [],
                "enlarged": None,
            }
            for cohort, curves in roc_by_class.panels(document).items()
        ],
    }


CHARTS: dict[str, Callable[..., Chart]] = {roc.NAME: _roc, roc_by_class.NAME: _etiologies}


def _curve(name: str, key: str, curve: Curve) -> dict:
    corners = zip(curve.false_positive_rate, curve.true_positive_rate, curve.threshold, strict=True)
    return {
        "name": name,
        "key": key,
        "area": f"AUC {interval(curve.auc)}, n = {curve.auc['n']}",
        "corners": [list(corner) for corner in corners],
    }


def _points(points: roc.OperatingPoints) -> list[dict]:
    found = [
        _point(reader.code, reader.group, stage, at, n)
        for reader in points.readers
        for stage, at, n in zip(STAGES, (reader.before, reader.after), reader.n, strict=True)
    ]
    if points.model:
        found.append(_point(MODEL, "", "", points.model, points.n_model))
    return found


def _point(subject: str, group: str, stage: str, at: roc.Point, n: int) -> dict:
    across, up = at
    named = ", ".join(word for word in (subject, group, stage) if word)
    return {
        "subject": subject,
        "group": group,
        "stage": stage,
        "at": [across, up],
        "n": n,
        "said": [
            named if stage else f"{named} as decided",
            f"sensitivity {percent(up)}%",
            f"1 {MINUS} specificity {percent(across)}%",
            f"n = {n} patients",
        ],
    }
