"""What is printed of a document, section by section."""

from collections.abc import Callable, Iterator

from analysis.exports.default_layout import default_table
from analysis.exports.print_baseline_table import print_baseline
from analysis.exports.printed_table import NotPrintable, PrintedTable
from analysis.exports.published_layouts import table1, table2, table3

SECTIONS_WITH_LAYOUT: dict[str, Callable[[dict], list[PrintedTable]]] = {
    "baseline": print_baseline,
    "table1": table1,
    "table2": table2,
    "table3": table3,
}
# A curve's points and matrices are drawn; printed they would fill pages.
DRAWN = {("roc", "curves"), ("confusion", "counts"), ("confusion", "metrics")}
# These stand beside a layout of their own.
BESIDE = {("table2", "tests"), ("table3", "tests")}


def printed_tables(results: dict, *, most: int | None = None) -> Iterator[PrintedTable]:
    """All tables in the plan's order; ``most``: rows of one without a layout of its own."""
    for section in results["sections"]:
        yield from printed_section(results, section, most=most)


def printed_section(
    results: dict, section: dict, *, most: int | None = None
) -> Iterator[PrintedTable]:
    """The tables of a section: as laid out for print, else as they are."""
    layout = SECTIONS_WITH_LAYOUT.get(section["name"])
    if layout:
        try:
            yield from layout(results)
        except NotPrintable:
            layout = None  # then as it is
    for name in sorted(section["tables"]):
        key = (section["name"], name)
        if key not in DRAWN and (layout is None or key in BESIDE):
            table = default_table(section, name, most=most)
            if table:
                yield table


def is_printed(section: dict) -> bool:
    """Whether `printed_section` has anything, without setting it."""
    return any(
        table["rows"]
        for name, table in section["tables"].items()
        if (section["name"], name) not in DRAWN
    )
