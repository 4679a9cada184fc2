"""The tables of a run as files: which there are, and their content."""

from collections.abc import Iterator

from analysis.exports.latex import tables_tex
from analysis.exports.printed_sections import is_printed, printed_section
from analysis.exports.printed_table import PrintedTable
from analysis.exports.provenance import Provenance
from analysis.exports.published_layouts import has_one_vs_rest_tests, table2_cells
from analysis.exports.results_csv import table_csv
from analysis.exports.workbook import results_xlsx
from analysis.results_document import section

CELLS = "table2-cells"


def table_files(results: dict, name: str) -> Iterator[str]:
    """The files of the section ``name``.

    A CSV for each of its tables, ``SECTION-TABLE.csv``; ``SECTION.xlsx`` with all of them; and
    ``SECTION.tex`` as they are printed, where they are.
    """
    found = section(results, name)
    if found:
        yield from (f"{name}-{table}.csv" for table in sorted(found["tables"]))
        yield f"{name}.xlsx"
        if is_printed(found):
            yield f"{name}.tex"
        if name == "table2" and has_one_vs_rest_tests(results):
            yield f"{CELLS}.tex"


def table_file(name: str, format: str, results: dict, provenance: Provenance) -> str | bytes:
    """The content of a file of `table_files`. Raises KeyError for another name."""
    for found in results["sections"]:
        if f"{name}.{format}" in table_files(results, found["name"]):
            return _content(name, format, found, results, provenance)
    raise KeyError(f"{name}.{format}")


def _content(
    name: str, format: str, found: dict, results: dict, provenance: Provenance
) -> str | bytes:
    if format == "csv":
        return table_csv(found["tables"][name.removeprefix(f"{found['name']}-")])
    if format == "xlsx":
        return results_xlsx(results, provenance, only=name)
    remarks = [f"{fact}: {value}" for fact, value in provenance.facts(results)]
    return tables_tex(_printed(results, found["name"], name), remarks=remarks)


def _printed(results: dict, name: str, file: str) -> list[PrintedTable]:
    """The tables that a section's LaTeX file has."""
    if file == CELLS:
        return table2_cells(results)
    return list(printed_section(results, section(results, name)))
