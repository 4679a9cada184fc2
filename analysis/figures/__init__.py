"""Figures of an analysis run, each a pure function of the document of its results.

A figure's module has a NAME, a TITLE, ``draw(document) -> Figure``, ``describe(document)``, its
alternative text, and ``size(document)``, in inches; all raise NotAvailable, with the reason, where
the document does not hold what the figure shows. One that is drawn BY_COHORT takes ``cohort`` too,
and is known by its name and the cohort's place: roc-1, roc-2.

``offered`` tells a page what there is without loading matplotlib; ``draw`` and ``render`` make a
file of it, the same bytes each time, in any process.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from analysis.figures import (
    agreement,
    confusion,
    confusion_readers,
    decision_changes,
    experience_group_metrics,
    flow,
    mrmc,
    roc,
    roc_by_class,
    theme,
    times,
)
from analysis.figures.document_data import NotAvailable
from analysis.figures.output import FORMATS, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "NotAvailable", "Offer", "draw", "find", "offered", "render"]

FIGURES: tuple[ModuleType, ...] = (
    flow, roc, roc_by_class, experience_group_metrics, mrmc, confusion, confusion_readers,
    decision_changes, agreement, times,
)  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """A figure that can be drawn, with its alternative text; or the reason why it can't be.

    ``kind`` is the NAME of its module; ``width`` and ``height`` are in a browser's pixels, 96 an
    inch.
    """

    name: str
    kind: str
    title: str
    alt: str = ""
    width: int = 0
    height: int = 0
    reason: str = ""


def offered(document: dict) -> Iterator[Offer]:
    """Every figure in its order: one for each cohort where it is drawn so."""
    for figure in FIGURES:
        try:
            for name, title, chosen in _variants(figure, document):
                yield _offer(figure, document, name, title, chosen)
        except NotAvailable as why:
            yield Offer(name=figure.NAME, kind=figure.NAME, title=figure.TITLE, reason=str(why))


def draw(name: str, document: dict) -> "Figure":
    """The figure of this name. Raises KeyError for an unknown name, else NotAvailable."""
    figure, _, chosen = find(name, document)
    with theme.applied():
        return figure.draw(document, **chosen)


def find(name: str, document: dict) -> tuple[ModuleType, str, dict]:
    """The module of the figure of this name, its title, and the arguments that it takes.

    Raises KeyError for an unknown name, else NotAvailable.
    """
    for figure in FIGURES:
        if name == figure.NAME or name.startswith(f"{figure.NAME}-"):
            for found, title, chosen in _variants(figure, document):
                if found == name:
                    return figure, title, chosen
    raise KeyError(name)


def _variants(figure: ModuleType, document: dict) -> Iterator[tuple[str, str, dict]]:
    """Name, title and arguments of each."""
    if not figure.BY_COHORT:
        yield figure.NAME, figure.TITLE, {}
        return
    for number, cohort in enumerate(figure.cohorts(document), start=1):
        yield f"{figure.NAME}-{number}", f"{figure.TITLE}: {cohort}", {"cohort": cohort}


def _offer(figure: ModuleType, document: dict, name: str, title: str, chosen: dict) -> Offer:
    try:
        alt = figure.describe(document, **chosen)
        width, height = (round(96 * inches) for inches in figure.size(document, **chosen))
    except NotAvailable as why:
        return Offer(name=name, kind=figure.NAME, title=title, reason=str(why))
    return Offer(name=name, kind=figure.NAME, title=title, alt=alt, width=width, height=height)
