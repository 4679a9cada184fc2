"""Pages that apps above this one lay beside a study's runs: they say so as they are loaded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """``url_name`` takes the study's slug and the run's number."""

    url_name: str
    title: str


_pages: dict[str, Page] = {}


def lay(page: Page, *, slug: str) -> None:
    """Have every run of the study of this slug lead to the page."""
    _pages[slug] = page


def page_beside(slug: str) -> Page | None:
    """The page that runs of this study lead to."""
    return _pages.get(slug)
