"""The names of a run's files, and of what kind each is: plain Python, for the web process too."""

TABLE_FORMATS = ("csv", "xlsx", "tex")
FIGURE_FORMATS = ("svg", "png", "pdf")
CONTENT_TYPES = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "imrmc": "text/plain; charset=utf-8",
    "tex": "application/x-tex; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
}
PAGES = "pages/"
BESIDE = "beside.html"  # what another app lays beside the run (analysis/run_page_registry.py)


def page_name(number: int) -> str:
    """The part of the run's page with the readers of this page, counted from 1."""
    return f"{PAGES}{number}.html"
