"""The report of a run: everything of it in one PDF, the same bytes each time."""

from io import BytesIO

from analysis import figures
from analysis.exports.provenance import Provenance
from analysis.figures import theme
from analysis.figures.output import UNDATED
from analysis.figures.source import notice
from analysis.report import pages
from analysis.report.contents import printed_tables


def report_pdf(results: dict, provenance: Provenance) -> bytes:
    """A title page, the tables, then the figures, a page each, and what could not be drawn."""
    from matplotlib.backends.backend_pdf import PdfPages

    file = BytesIO()
    running = _running(results, provenance)
    offers = list(figures.offered(results))
    with theme.applied(), PdfPages(file, metadata=UNDATED["pdf"]) as pdf:
        count = 0
        for sheet in _sheets(results, provenance, offers):
            count += 1
            pages.number(sheet, count, running, at=(0, 0))
            pdf.savefig(sheet)
        for offer in offers:
            if not offer.reason:
                count += 1
                figure = figures.draw(offer.name, results)
                around = pages.page_around(figure)
                pages.caption(figure, title=offer.title, text=offer.alt)
                pages.number(figure, count, running, at=(around.x0, around.y0))
                pdf.savefig(figure, bbox_inches=around)
    return file.getvalue()


def _sheets(results: dict, provenance: Provenance, offers: list[figures.Offer]):
    contents = [
        (each["title"], "planned" if each["planned"] else "exploratory")
        for each in results["sections"]
    ]
    missing = [(f"No figure: {each.title}", each.reason) for each in offers if each.reason]
    yield pages.title_page(provenance.facts(results), [*contents, *missing])
    for table in printed_tables(results):
        yield from pages.table_pages(table)


def _running(results: dict, provenance: Provenance) -> str:
    said = [
        f"{provenance.slug}, run {provenance.run}",
        "planned" if provenance.planned else "exploratory",
        f"results {provenance.results_sha256[:12]}",
        notice(results),
    ]
    return " · ".join(filter(None, said))
