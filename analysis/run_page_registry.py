"""Pages that apps above this one lay beside a study's runs: they say so as they are loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.models import AnalysisRun


@dataclass(frozen=True)
class RunPage:
    """``url_name`` takes the study's slug and the run's number.

    The page shows the file ``run_file_names.BESIDE`` of a run whose results have these
    ``sections``. A worker has it from ``draw``, whose code and templates are ``drawn_by``: files
    and folders.
    """

    url_name: str
    title: str
    sections: tuple[str, ...]
    draw: Callable[["AnalysisRun"], str]
    drawn_by: tuple[Path, ...]


_pages: dict[str, RunPage] = {}


def register_page(page: RunPage, *, slug: str) -> None:
    """Have every run of the study of this slug lead to the page."""
    _pages[slug] = page


def page_for(slug: str) -> RunPage | None:
    """The page that runs of this study lead to."""
    return _pages.get(slug)
