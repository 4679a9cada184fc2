"""The report of a run: everything of it in one PDF, the same bytes each time."""

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from analysis import figures
from analysis.exports.printed_sections import printed_tables
from analysis.exports.provenance import Provenance
from analysis.figures import theme
from analysis.figures.document_data import caveats
from analysis.figures.output import UNDATED
from analysis.report import pages
from analysis.report.pdf_table_layout import table_pages

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 120  # of a table without a layout of its own


def report_pdf(results: dict, provenance: Provenance) -> bytes:
    """A title page, the tables, then the figures, a page each, and what could not be drawn."""
    from matplotlib.backends.backend_pdf import PdfPages

    file = BytesIO()
    running = _running(results, provenance)
    offers = list(figures.offered(results))
    with theme.applied(), PdfPages(file, metadata=_metadata(results, provenance)) as pdf:
        count = 0
        for count, sheet in enumerate(_sheets(results, provenance, offers), start=1):
            pages.draw_footer(sheet, count, running)
            pdf.savefig(sheet)
        drawable = (offer for offer in offers if not offer.reason)
        for page, offer in enumerate(drawable, start=count + 1):
            figure = figures.draw(offer.name, results)
            around = pages.figure_page(figure, title=offer.title, text=offer.alt)
            pages.draw_footer(figure, page, running, around=around)
            pdf.savefig(figure, bbox_inches=around)
    return file.getvalue()


def _sheets(
    results: dict, provenance: Provenance, offers: list[figures.Offer]
) -> Iterator["Figure"]:
    """The pages without figures."""
    contents = [
        (each["title"], "planned" if each["planned"] else "exploratory")
        for each in results["sections"]
    ]
    missing = [(f"No figure: {each.title}", each.reason) for each in offers if each.reason]
    yield pages.title_page(provenance.facts(results), [*contents, *missing])
    yield from table_pages(printed_tables(results, most=ROWS))


def _metadata(results: dict, provenance: Provenance) -> dict:
    """What the file says of itself to programs."""
    keywords = "; ".join(f"{name}: {value}" for name, value in provenance.facts(results))
    return UNDATED["pdf"] | {
        "Title": f"{provenance.study}: analysis run {provenance.run}",
        "Subject": provenance.standing,
        "Keywords": keywords,
    }


def _running(results: dict, provenance: Provenance) -> str:
    texts = [
        f"{provenance.slug}, run {provenance.run}",
        "planned" if provenance.planned else "exploratory",
        f"results {provenance.results_sha256[:12]}",
        caveats(results),
    ]
    return " · ".join(filter(None, texts))
